#include "model/initialise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "model/zoo.h"

namespace riffle {
namespace {

Plan SmallPlan() { return *MakePlan(*FindModel("shufflenet_v1_g3_x0_5")); }

ParameterValues<float> Initialised(const Plan& plan, const Initialisation& initialisation) {
  ParameterValues<float> values(plan.registry);
  Initialise(plan, initialisation, &values);
  return values;
}

struct Sample {
  double mean, deviation;
};
Sample SampleOf(const float* values, int64_t n) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) sum += values[i];
  for (int64_t i = 0; i < n; ++i) squares += (values[i] - sum / n) * (values[i] - sum / n);
  return {sum / n, std::sqrt(squares / n)};
}

// MindCV and Megvii: deviation 1 over the input channels of a group; 0.01 at both ends of the network.
TEST(Initialise, DrawsWeightsOfMindCvsDeviation) {
  const Plan plan = SmallPlan();
  const ParameterValues<float> values = Initialised(plan, {.seed = 1});
  for (const Parameter& p : plan.registry.trainable()) {
    if (p.norm()) continue;
    const bool end = p.name == "stem.conv.weight" || p.name == "head.weight";
    const double expected = end ? 0.01 : 1.0 / static_cast<double>(p.shape[1]);
    const auto [mean, deviation] = SampleOf(values.trainable.data() + p.offset, p.size);
    // Five times the standard error of a sample's mean and of its deviation.
    const double n = static_cast<double>(p.size);
    EXPECT_NEAR(mean, 0, 5 * expected / std::sqrt(n)) << p.name;
    EXPECT_NEAR(deviation, expected, 5 * expected / std::sqrt(2 * n)) << p.name;
  }
}

TEST(Initialise, StartsBatchNormAsIdentity) {
  const Plan plan = SmallPlan();
  const ParameterValues<float> values = Initialised(plan, {.seed = 1});
  const auto expect_all = [](const Parameter& p, const AlignedArray<float>& arena, float expected) {
    for (int64_t i = 0; i < p.size; ++i) ASSERT_EQ(arena[p.offset + i], expected) << p.name;
  };
  for (const Parameter& p : plan.registry.trainable())
    if (p.norm()) expect_all(p, values.trainable, p.kind == ParameterKind::kGamma ? 1 : 0);
  for (const Parameter& p : plan.registry.statistics())
    expect_all(p, values.statistics, p.kind == ParameterKind::kRunningVariance ? 1 : 0);
}

TEST(Initialise, DependsOnTheSeedAlone) {
  const Plan plan = SmallPlan();
  const auto weights = [&](uint64_t seed) {
    const ParameterValues<float> values = Initialised(plan, {.seed = seed});
    return std::vector<float>(values.trainable.begin(), values.trainable.end());
  };
  EXPECT_EQ(weights(1), weights(1));
  EXPECT_NE(weights(1), weights(2));
}

TEST(Initialise, GivesNoTwoTensorsTheSameNumbers) {
  const Plan plan = SmallPlan();
  const ParameterValues<float> values = Initialised(plan, {.seed = 1});
  std::set<float> ratios;  // first weight by deviation
  int tensors = 0;
  for (const Parameter& p : plan.registry.trainable()) {
    if (p.kind != ParameterKind::kDepthwiseWeight) continue;
    ratios.insert(values.trainable[p.offset]);
    ++tensors;
  }
  EXPECT_EQ(ratios.size(), tensors);
}

// Each unit of stride 1 starts as the identity; what a stride-2 unit or the stem makes is not added to anything.
TEST(Initialise, ZeroInitResidualSilencesTheUnitsThatAddTheirInput) {
  const Plan plan = SmallPlan();
  const ParameterValues<float> usual = Initialised(plan, {.seed = 1});
  const ParameterValues<float> values = Initialised(plan, {.seed = 1, .zero_init_residual = true});
  int silenced = 0;
  for (const Parameter& p : plan.registry.trainable()) {
    const bool of_a_sum = p.name.ends_with(".bn3.gamma") && !p.name.ends_with(".0.bn3.gamma");
    silenced += of_a_sum;
    for (int64_t i = p.offset; i < p.offset + p.size; ++i)
      ASSERT_EQ(values.trainable[i], of_a_sum ? 0 : usual.trainable[i]) << p.name;
  }
  EXPECT_EQ(silenced, 3 + 7 + 3);
}

// What fine-tuning rests on: a head of another size leaves every other tensor where and as it was.
TEST(Initialise, OtherTensorsDoNotDependOnTheHead) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_5");
  model.num_classes = 10;
  const Plan ten = *MakePlan(model), thousand = SmallPlan();
  const ParameterValues<float> a = Initialised(ten, {.seed = 1}), b = Initialised(thousand, {.seed = 1});
  for (size_t i = 0; i + 1 < ten.registry.trainable().size(); ++i) {
    const Parameter &p = ten.registry.trainable()[i], &q = thousand.registry.trainable()[i];
    ASSERT_EQ(p.name, q.name);
    EXPECT_TRUE(std::equal(a.trainable.begin() + p.offset, a.trainable.begin() + p.offset + p.size,
                           b.trainable.begin() + q.offset))
        << p.name;
  }
}

}  // namespace
}  // namespace riffle
