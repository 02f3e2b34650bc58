#include "bench/cost.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/fold.h"
#include "model/zoo.h"

namespace riffle {
namespace {

const Plan& WholePlan() {
  static const Plan plan = *MakePlan(*FindModel("shufflenet_v1_g3_x1_0"));
  return plan;
}

size_t StepOf(const Plan& plan, std::string_view name) {
  return std::ranges::find(plan.steps, name, &Step::name) - plan.steps.begin();
}

constexpr double kBytes = sizeof(float);

TEST(Cost, ForwardHasTwoOperationsForEachMultiplyAccumulate) {
  EXPECT_EQ(PassCost(WholePlan(), Pass::kForward, 3).flops, 6.0 * static_cast<double>(WholePlan().Macs()));
}

TEST(Cost, FoldingBatchNormChangesNoArithmetic) {
  EXPECT_EQ(PassCost(FoldBatchNorm(WholePlan()), Pass::kForward, 1).flops,
            PassCost(WholePlan(), Pass::kForward, 1).flops);
}

TEST(Cost, TrainingHasThreeProductsOfAllLayersButTheStemWhoseInputNeedsNoGradient) {
  // The stem at 224 px: 24 maps of 112 × 112 from 3 channels and 3 × 3 taps.
  constexpr double kStemMacs = 24.0 * 112 * 112 * 27;
  EXPECT_EQ(TrainingCost(WholePlan(), 1).flops, 6.0 * static_cast<double>(WholePlan().Macs()) - 2 * kStemMacs);
}

TEST(Cost, AConvolutionReadsItsInputAndWeightsAndWritesItsOutput) {
  // Stage 2's second unit: 240 channels of 28 × 28 to 60, in 3 groups.
  constexpr double kX = 240.0 * 784, kY = 60.0 * 784, kWeights = 60.0 * 80;
  const size_t conv1 = StepOf(WholePlan(), "stage2.1.conv1");
  const Cost forward = StepCost(WholePlan(), conv1, Pass::kForward, 2);
  EXPECT_EQ(forward.bytes, kBytes * (2 * (kX + kY) + kWeights));
  EXPECT_EQ(forward.flops, 2.0 * 2 * kY * 80);
  // Backward: the output's gradient and raw values, the input, its gradient read and written, weights and theirs.
  const Cost backward = StepCost(WholePlan(), conv1, Pass::kBackward, 2);
  EXPECT_EQ(backward.bytes, kBytes * (2 * (2 * kY + 3 * kX) + 2 * kWeights));
  EXPECT_EQ(backward.flops, 2 * forward.flops);
}

TEST(Cost, AStepThatFillsARangeOfAMapCountsThatRangeOnly) {
  // Stage 2's first unit: the pool writes 24 of 240 channels.
  const Cost pool = StepCost(WholePlan(), StepOf(WholePlan(), "stage2.0.average_pool"), Pass::kForward, 1);
  EXPECT_EQ(pool.bytes, kBytes * 24 * (56 * 56 + 28 * 28));
  EXPECT_EQ(pool.flops, 0);
}

TEST(Cost, AFoldedResidualIsReadByTheConvolutionThatAddsIt) {
  const Plan folded = FoldBatchNorm(WholePlan());
  const Cost conv3 = StepCost(folded, StepOf(folded, "stage2.1.conv3"), Pass::kForward, 1);
  EXPECT_EQ(conv3.bytes, kBytes * (60.0 * 784 + 2 * 240.0 * 784 + 240.0 * 20));
}

TEST(Cost, TheFloorIsTheLongerOfArithmeticAndMemory) {
  EXPECT_DOUBLE_EQ(FloorSeconds({.flops = 8e9, .bytes = 1e9}, 4, 2), 2);
  EXPECT_DOUBLE_EQ(FloorSeconds({.flops = 8e9, .bytes = 6e9}, 4, 2), 3);
}

}  // namespace
}  // namespace riffle
