#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace riffle {
namespace {

// One weight and one gamma, two steps with gradient 1, by hand.
struct Fixture {
  Fixture() {
    registry.Add("w", ParameterKind::kGroupConvWeight, {1, 1, 1, 1});
    registry.Add("gamma", ParameterKind::kGamma, {1});
    parameters = AlignedArray<float>(registry.trainable_arena());
    gradients = AlignedArray<float>(registry.trainable_arena());
    for (const Parameter& p : registry.trainable()) parameters[p.offset] = gradients[p.offset] = 1;
  }
  void Run(const Options& options) {
    Optimizer optimizer(registry, options);
    for (int i = 1; i <= 2; ++i) optimizer.Step(i, 0.5, gradients, &parameters);
  }
  float weight() { return parameters[registry.trainable()[0].offset]; }
  float gamma() { return parameters[registry.trainable()[1].offset]; }
  ParameterRegistry registry;
  AlignedArray<float> parameters, gradients;
};

Options Momentum() {
  Options options;
  options.opt = "momentum";
  options.momentum = 0.5;
  options.weight_decay = 0;
  return options;
}

TEST(Optimizer, MomentumAddsUpGradients) {
  Fixture f;
  f.Run(Momentum());
  EXPECT_FLOAT_EQ(f.weight(), 1 - 0.5f * 1 - 0.5f * 1.5f);
}

TEST(Optimizer, NesterovLooksAhead) {
  Options options = Momentum();
  options.use_nesterov = true;
  Fixture f;
  f.Run(options);
  // v = 1, step 1 + 0.5; v = 1.5, step 1 + 0.75
  EXPECT_FLOAT_EQ(f.weight(), 1 - 0.5f * 1.5f - 0.5f * 1.75f);
}

TEST(Optimizer, WeightDecayIsPartOfTheGradientAndTheFilterSparesBatchNorm) {
  Options options = Momentum();
  options.weight_decay = 0.2;
  Fixture all;
  all.Run(options);
  const float first = 1 - 0.5f * 1.2f;  // v = 1.2
  const float second = first - 0.5f * (0.6f + 1 + 0.2f * first);
  EXPECT_FLOAT_EQ(all.weight(), second);
  EXPECT_FLOAT_EQ(all.gamma(), second);
  options.weight_decay_filter = "norm_and_bias";
  Fixture spared;
  spared.Run(options);
  EXPECT_FLOAT_EQ(spared.weight(), second);
  EXPECT_FLOAT_EQ(spared.gamma(), 1 - 0.5f * 1 - 0.5f * 1.5f);
}

TEST(Optimizer, AFrozenParameterKeepsItsBits) {
  Options options = Momentum();
  options.weight_decay = 0.2;
  options.freeze = "body";
  Fixture f;
  f.Run(options);
  EXPECT_EQ(f.weight(), 1);
  EXPECT_EQ(f.gamma(), 1);
}

TEST(Optimizer, LayerDecayScalesTheRateOfEachLayer) {
  Options options = Momentum();
  options.momentum = 0;
  options.layer_decay = 0.5;
  ParameterRegistry registry;
  registry.Add("stem.conv.weight", ParameterKind::kStemWeight, {1, 1, 1, 1});
  registry.Add("stage2.0.conv1.weight", ParameterKind::kGroupConvWeight, {1, 1, 1, 1});
  registry.Add("head.weight", ParameterKind::kHeadWeight, {1, 1});
  AlignedArray<float> parameters(registry.trainable_arena()), gradients(registry.trainable_arena());
  std::ranges::fill(gradients, 1.0f);
  Optimizer(registry, options).Step(1, 0.5, gradients, &parameters);
  const float expected[] = {-0.125f, -0.25f, -0.5f};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(parameters[registry.trainable()[i].offset], expected[i]);
}

}  // namespace
}  // namespace riffle
