#include "train/update/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "base/random.h"
#include "ops/backends.h"

namespace riffle {
namespace {

const OpTable<float>& Ops() { return **FindBackend(""); }

// One weight and one gamma, two steps with gradient 1, by hand.
struct Fixture {
  Fixture() {
    registry.Add("w", ParameterKind::kGroupConvWeight, {1, 1, 1, 1});
    registry.Add("gamma", ParameterKind::kGamma, {1});
    std::vector<float> ones(registry.trainable_arena_values());
    for (const Parameter& p : registry.trainable()) ones[p.offset] = 1;
    parameters = DeviceArray<float>(CpuDevice(), ones);
    gradients = DeviceArray<float>(CpuDevice(), ones);
  }
  void Run(const OptimizerOptions& options) {
    Optimizer optimizer(CpuDevice(), registry, options, Ops());
    for (int i = 1; i <= 2; ++i) {
      optimizer.Prepare(i, 0.5);
      optimizer.Step(OnThreads(), gradients, &parameters);
    }
  }
  float weight() { return HostCopy(parameters)[registry.trainable()[0].offset]; }
  float gamma() { return HostCopy(parameters)[registry.trainable()[1].offset]; }
  ParameterRegistry registry;
  DeviceArray<float> parameters, gradients;
};

OptimizerOptions Momentum() {
  OptimizerOptions options;
  options.rule = &FindUpdateRule("momentum");
  options.momentum = 0.5;
  options.policy.weight_decay = 0;
  return options;
}

TEST(Optimizer, MomentumAddsUpGradients) {
  Fixture f;
  f.Run(Momentum());
  EXPECT_FLOAT_EQ(f.weight(), 1 - 0.5f * 1 - 0.5f * 1.5f);
}

TEST(Optimizer, NesterovLooksAhead) {
  OptimizerOptions options = Momentum();
  options.rule = &FindUpdateRule("nesterov");
  Fixture f;
  f.Run(options);
  // v = 1, step 1 + 0.5; v = 1.5, step 1 + 0.75
  EXPECT_FLOAT_EQ(f.weight(), 1 - 0.5f * 1.5f - 0.5f * 1.75f);
}

TEST(Optimizer, WeightDecayIsPartOfTheGradientAndTheFilterSparesBatchNorm) {
  OptimizerOptions options = Momentum();
  options.policy.weight_decay = 0.2;
  Fixture all;
  all.Run(options);
  const float first = 1 - 0.5f * 1.2f;  // v = 1.2
  const float second = first - 0.5f * (0.6f + 1 + 0.2f * first);
  EXPECT_FLOAT_EQ(all.weight(), second);
  EXPECT_FLOAT_EQ(all.gamma(), second);
  options.policy.decays_norms = false;
  Fixture spared;
  spared.Run(options);
  EXPECT_FLOAT_EQ(spared.weight(), second);
  EXPECT_FLOAT_EQ(spared.gamma(), 1 - 0.5f * 1 - 0.5f * 1.5f);
}

TEST(Optimizer, AFrozenParameterKeepsItsBits) {
  OptimizerOptions options = Momentum();
  options.policy.weight_decay = 0.2;
  options.policy.freezes_body = true;
  Fixture f;
  f.Run(options);
  EXPECT_EQ(f.weight(), 1);
  EXPECT_EQ(f.gamma(), 1);
}

TEST(Optimizer, LayerDecayScalesTheRateOfEachLayer) {
  OptimizerOptions options = Momentum();
  options.momentum = 0;
  options.policy.layer_decay = 0.5;
  ParameterRegistry registry;
  registry.Add("stem.conv.weight", ParameterKind::kStemWeight, {1, 1, 1, 1});
  registry.Add("stage2.0.conv1.weight", ParameterKind::kGroupConvWeight, {1, 1, 1, 1});
  registry.Add("head.weight", ParameterKind::kHeadWeight, {1, 1});
  DeviceArray<float> parameters(CpuDevice(), registry.trainable_arena_values());
  const DeviceArray<float> gradients(CpuDevice(), std::vector<float>(registry.trainable_arena_values(), 1.0f));
  Optimizer optimizer(CpuDevice(), registry, options, Ops());
  optimizer.Prepare(1, 0.5);
  optimizer.Step(OnThreads(), gradients, &parameters);
  const float expected[] = {-0.125f, -0.25f, -0.5f};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(HostCopy(parameters)[registry.trainable()[i].offset], expected[i]);
}

// ---- Rules that LibTorch lacks. ----
// Ten steps against their papers' formulas in doubles; the others are in tests/oracle/optimizer_test.cc.

constexpr double kDecay = 0.01;

// What a formula works on: a few weights, and memory that starts at 0.
struct Weights {
  std::vector<double> p, m, v, q, before;
};

// The largest deviation of ten steps with changing gradients and rates from those of `formula(t, lr, g, weights)`.
double DeviationOfTenSteps(
    const OptimizerOptions& options,
    const std::function<void(int t, double lr, const std::vector<double>& g, Weights&)>& formula) {
  constexpr int64_t kSize = 7;
  ParameterRegistry registry;
  registry.Add("w", ParameterKind::kGroupConvWeight, {kSize, 1, 1, 1});
  const int64_t offset = registry.trainable()[0].offset;
  std::vector<float> values(registry.trainable_arena_values()), gradients(registry.trainable_arena_values());
  Optimizer optimizer(CpuDevice(), registry, options, Ops());
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  Weights w{.p = {}, .m = std::vector<double>(kSize), .v = w.m, .q = w.m, .before = w.m};
  for (int64_t i = 0; i < kSize; ++i) w.p.push_back(values[offset + i] = static_cast<float>(random.Normal()));
  DeviceArray<float> parameters(CpuDevice(), values);
  double deviation = 0;
  for (int t = 1; t <= 10; ++t) {
    std::vector<double> g;
    for (int64_t i = 0; i < kSize; ++i) g.push_back(gradients[offset + i] = static_cast<float>(random.Normal()));
    const double lr = 0.02 / t;
    formula(t, lr, g, w);
    optimizer.Prepare(t, lr);
    optimizer.Step(OnThreads(), DeviceArray<float>(CpuDevice(), gradients), &parameters);
    parameters.Download(values);
    for (int64_t i = 0; i < kSize; ++i) deviation = std::max(deviation, std::abs(values[offset + i] - w.p[i]));
  }
  return deviation;
}

OptimizerOptions Named(std::string_view rule) {
  OptimizerOptions options;
  options.rule = &FindUpdateRule(rule);
  options.policy.weight_decay = kDecay;
  return options;
}

TEST(OptimizerFormulas, Nadam) {
  double product = 1;
  const auto formula = [&](int t, double lr, const std::vector<double>& gradients, Weights& w) {
    const double mu = 0.9 * (1 - 0.5 * std::pow(0.96, t * 0.004)),
                 next = 0.9 * (1 - 0.5 * std::pow(0.96, (t + 1) * 0.004));
    product *= mu;
    for (size_t i = 0; i < w.p.size(); ++i) {
      const double g = gradients[i] + kDecay * w.p[i];
      w.m[i] = 0.9 * w.m[i] + 0.1 * g;
      w.v[i] = 0.999 * w.v[i] + 0.001 * g * g;
      const double mean = next * w.m[i] / (1 - product * next) + (1 - mu) * g / (1 - product);
      w.p[i] -= lr * mean / (std::sqrt(w.v[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  };
  EXPECT_LT(DeviationOfTenSteps(Named("nadam"), formula), 1e-6);
}

TEST(OptimizerFormulas, Lion) {
  const auto formula = [](int, double lr, const std::vector<double>& g, Weights& w) {
    for (size_t i = 0; i < w.p.size(); ++i) {
      const double blend = 0.8 * w.m[i] + 0.2 * g[i];
      w.p[i] -= lr * ((blend > 0 ? 1 : -1) + kDecay * w.p[i]);
      w.m[i] = 0.95 * w.m[i] + 0.05 * g[i];
    }
  };
  OptimizerOptions options = Named("lion");
  options.betas = {0.8, 0.95};
  EXPECT_LT(DeviationOfTenSteps(options, formula), 1e-6);
}

TEST(OptimizerFormulas, LionLeavesAWeightWithoutGradientAlone) {
  Fixture f;
  f.gradients.Zero();
  OptimizerOptions options = Named("lion");
  options.policy.weight_decay = 0;
  f.Run(options);
  EXPECT_EQ(f.weight(), 1);
}

TEST(OptimizerFormulas, Lamb) {
  const auto formula = [](int t, double lr, const std::vector<double>& g, Weights& w) {
    std::vector<double> step;
    double of_weights = 0, of_steps = 0;
    for (size_t i = 0; i < w.p.size(); ++i) {
      w.m[i] = 0.9 * w.m[i] + 0.1 * g[i];
      w.v[i] = 0.999 * w.v[i] + 0.001 * g[i] * g[i];
      const double mean = w.m[i] / (1 - std::pow(0.9, t)), square = w.v[i] / (1 - std::pow(0.999, t));
      step.push_back(mean / (std::sqrt(square) + 1e-6) + kDecay * w.p[i]);
      of_weights += w.p[i] * w.p[i];
      of_steps += step[i] * step[i];
    }
    for (size_t i = 0; i < w.p.size(); ++i) w.p[i] -= lr * std::sqrt(of_weights) / std::sqrt(of_steps) * step[i];
  };
  EXPECT_LT(DeviationOfTenSteps(Named("lamb"), formula), 1e-6);
}

TEST(OptimizerFormulas, LambMovesWeightsThatAreZero) {
  Fixture f;
  f.parameters.Zero();
  f.Run(Named("lamb"));
  EXPECT_LT(f.weight(), 0);
}

TEST(OptimizerFormulas, Adan) {
  // As in the paper's Algorithm 1 without restart, its β being 1 − ours, with the code's bias correction.
  const auto formula = [](int t, double lr, const std::vector<double>& g, Weights& w) {
    for (size_t i = 0; i < w.p.size(); ++i) {
      const double d = t == 1 ? 0 : g[i] - w.before[i];
      w.m[i] = (1 - 0.02) * w.m[i] + 0.02 * g[i];
      w.v[i] = (1 - 0.08) * w.v[i] + 0.08 * d;
      w.q[i] = (1 - 0.01) * w.q[i] + 0.01 * std::pow(g[i] + (1 - 0.08) * d, 2);
      const double root = std::sqrt(w.q[i] / (1 - std::pow(0.99, t))) + 1e-8;
      const double step = w.m[i] / (1 - std::pow(0.98, t)) + 0.92 * w.v[i] / (1 - std::pow(0.92, t));
      w.p[i] = (w.p[i] - lr * step / root) / (1 + lr * kDecay);
      w.before[i] = g[i];
    }
  };
  EXPECT_LT(DeviationOfTenSteps(Named("adan"), formula), 1e-6);
}

TEST(OptimizerFormulas, EpsReplacesTheUsualOne) {
  OptimizerOptions options = Named("adagrad");
  options.policy.weight_decay = 0;
  options.eps = 1;
  Fixture f;
  f.Run(options);
  EXPECT_FLOAT_EQ(f.weight(), 1 - 0.5f / 2 - 0.5f / (1 + std::sqrt(2.0f)));
}

// ---- What holds for all of them. ----

class EveryOptimizer : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(, EveryOptimizer, testing::ValuesIn([] {
                           std::vector<std::string_view> names;
                           for (const UpdateRule& rule : UpdateRules()) names.push_back(rule.name);
                           return names;
                         }()),
                         [](const auto& rule) { return std::string(rule.param); });

// More values than one task takes, and a few.
struct LargeParameters {
  LargeParameters() {
    registry.Add("w", ParameterKind::kGroupConvWeight, {100'003, 1, 1, 1});
    registry.Add("gamma", ParameterKind::kGamma, {5});
    RandomStream random(2, RandomPurpose::kTest, 0, 0);
    for (DeviceArray<float>* array : {&values, &gradients}) {
      std::vector<float> numbers(registry.trainable_arena_values());
      for (float& v : numbers) v = static_cast<float>(random.Normal());
      *array = DeviceArray<float>(CpuDevice(), numbers);
    }
  }
  ParameterRegistry registry;
  DeviceArray<float> values, gradients;
};

TEST_P(EveryOptimizer, GivesTheSameBitsAtAnyNumberOfThreads) {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    LargeParameters p;
    Optimizer optimizer(CpuDevice(), p.registry, Named(GetParam()), Ops());
    for (int t = 1; t <= 3; ++t) {
      optimizer.Prepare(t, 0.01);
      optimizer.Step(OnThreads(threads), p.gradients, &p.values);
    }
    results.push_back(HostCopy(p.values));
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_P(EveryOptimizer, GoesDownTheSlope) {
  Fixture f;
  f.Run(Named(GetParam()));
  EXPECT_LT(f.weight(), 1);
  EXPECT_LT(f.gamma(), 1);
}

TEST_P(EveryOptimizer, KeepsWhatIsFrozen) {
  OptimizerOptions options = Named(GetParam());
  options.policy.freezes_body = true;
  Fixture f;
  f.Run(options);
  EXPECT_EQ(f.weight(), 1);
}

}  // namespace
}  // namespace riffle
