// Folding: what is left of the plan, and what becomes of the weights. That the folded network computes the same is
// session_test.cc's.
#include "model/fold.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/testing/random_network.h"
#include "model/zoo.h"

namespace riffle {
namespace {

Plan PlanOf(Stem stem, const Conventions& conventions) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.stem = stem;
  model.conventions = conventions;
  return *MakePlan(model);
}

TEST(FoldBatchNorm, LeavesConvolutionsPoolsAndTheHead) {
  for (const Stem stem : {Stem::kImagenet, Stem::kSmall}) {
    const Plan training = PlanOf(stem, {});
    const Plan folded = FoldBatchNorm(training);
    for (const Step& step : folded.steps) {
      EXPECT_NE(step.op, Op::kBatchNorm) << step.name;
      EXPECT_NE(step.op, Op::kRelu) << step.name;
      EXPECT_EQ(step.in_norm, -1) << step.name;
    }
    // 16 units of three convolutions, three average pools, a stem, a max-pool if any, and the head's pool and matrix.
    EXPECT_EQ(folded.steps.size(), 16 * 3 + 3 + 1 + (stem == Stem::kImagenet) + 2);
    EXPECT_EQ(folded.Macs(), training.Macs());
  }
}

TEST(FoldBatchNorm, PutsTheReluBehindAllConvolutionsButTheDepthwise) {
  for (const Stem stem : {Stem::kImagenet, Stem::kSmall})
    for (const Step& step : FoldBatchNorm(PlanOf(stem, {})).steps)
      EXPECT_EQ(step.relu, step.op == Op::kStemConv || step.op == Op::kGroupConv) << step.name;
}

TEST(FoldBatchNorm, AddsTheShortcutInTheLastConvolutionOfEachUnitWithStride1) {
  for (const Step& step : FoldBatchNorm(PlanOf(Stem::kImagenet, {})).steps) {
    const bool last = step.name.ends_with(".conv3"), first_unit = step.name.find(".0.") != std::string::npos;
    EXPECT_EQ(step.shortcut >= 0, last && !first_unit) << step.name;
  }
}

TEST(FoldBatchNorm, WritesASumOverItsShortcutWhichNobodyReadsAnyMore) {
  const Plan training = PlanOf(Stem::kImagenet, {}), folded = FoldBatchNorm(training);
  for (size_t i = 0; i < folded.steps.size(); ++i) {
    const Step& step = folded.steps[i];
    if (step.shortcut < 0) continue;
    EXPECT_EQ(folded.StorageOf(step.y).map, folded.StorageOf(step.shortcut).map) << step.name;
    EXPECT_NE(training.StorageOf(step.y).map, training.StorageOf(step.shortcut).map)
        << step.name << ": backward reads both";
    for (size_t later = i + 1; later < folded.steps.size(); ++later) {
      EXPECT_NE(folded.steps[later].x, step.shortcut) << folded.steps[later].name;
      EXPECT_NE(folded.steps[later].shortcut, step.shortcut) << folded.steps[later].name;
    }
  }
}

// y = gamma·(W·x − mean) / sqrt(variance + eps) + beta, for each row by the parameters that the plan gives it.
TEST(FoldWeights, IsBatchNormBehindTheConvolution) {
  for (const NamedConventions& named : kConventions) {
    const Plan training = PlanOf(Stem::kImagenet, named.conventions);
    const Plan folded = FoldBatchNorm(training);
    ParameterValues<float> values(training.registry);
    FillRandom(training.registry, 1, &values);
    for (const Step& step : folded.steps) {
      if (step.norm < 0 || step.weight < 0) continue;
      const Norm& norm = folded.norms[step.norm];
      const Parameter& weight = folded.registry.trainable()[step.weight];
      const auto learnt = [&](int p, int64_t i) {
        return double{values.trainable[folded.registry.trainable()[p].offset + i]};
      };
      const auto tracked = [&](int p, int64_t i) {
        return double{values.statistics[folded.registry.statistics()[p].offset + i]};
      };
      const FoldedWeights found = FoldWeights(folded, step, values);
      ASSERT_EQ(found.weight.size(), weight.size);
      ASSERT_EQ(found.bias.size(), step.channels);
      for (int row = 0; row < step.channels; ++row) {
        // Megvii's shuffle comes after the depthwise convolution: its rows hold other channels' kernels.
        const bool moved =
            step.op == Op::kDepthwiseConv && named.conventions.shuffle_place == ShufflePlace::kAfterDepthwise;
        const int k = moved ? ShufflePermutation(step.channels, 3, named.conventions.shuffle_direction)[row] : row;
        const double scale = learnt(norm.gamma, k) / std::sqrt(tracked(norm.running_variance, k) + folded.model.bn_eps);
        EXPECT_NEAR(found.bias[row], learnt(norm.beta, k) - tracked(norm.running_mean, k) * scale, 1e-6) << step.name;
        const int64_t per_row = weight.size / step.channels;
        for (int64_t i = 0; i < per_row; ++i)
          ASSERT_NEAR(found.weight[row * per_row + i], learnt(step.weight, k * per_row + i) * scale, 1e-6) << step.name;
      }
    }
  }
}

TEST(FoldWeights, LeavesTheHeadAsItIs) {
  const Plan folded = FoldBatchNorm(PlanOf(Stem::kImagenet, {}));
  ParameterValues<float> values(folded.registry);
  FillRandom(folded.registry, 1, &values);
  const Step& head = folded.steps.back();
  const FoldedWeights found = FoldWeights(folded, head, values);
  const float* weight = values.trainable.data() + folded.registry.trainable()[head.weight].offset;
  EXPECT_TRUE(std::equal(found.weight.begin(), found.weight.end(), weight));
  EXPECT_EQ(found.bias.size(), 0u);
}

}  // namespace
}  // namespace riffle
