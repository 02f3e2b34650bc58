#include "model/training_memory.h"

#include <gtest/gtest.h>

#include "base/rows.h"
#include "model/zoo.h"

namespace riffle {
namespace {

constexpr int64_t kImages = 3;

// Within a chain both steps are under way at once, block by block.
TEST(LivesInTraining, WhatTheStepsOfAChainTouchIsAliveTogether) {
  const Plan plan = *MakePlan(*FindModel("shufflenet_v1_g3_x1_0"));
  const std::vector<BufferLife> lives = LivesInTraining(plan, kImages, {});
  const auto gradient = [&](int map) { return lives[plan.maps.size() + plan.backward.maps[map].gradient_map]; };
  int chains = 0;
  for (size_t i = 0; i + 1 < plan.steps.size(); ++i) {
    const Step &first = plan.steps[i], &second = plan.steps[i + 1];
    if (!first.chained) continue;
    ++chains;
    EXPECT_LE(lives[plan.StorageOf(second.y).map].first, static_cast<int>(i)) << "written while the first still reads";
    EXPECT_LE(gradient(first.x).first, gradient(second.y).last) << "written while the second still reads";
  }
  EXPECT_EQ(chains, 12);
}

// 0.74 GB resident, with pictures, parameters and the program itself.
TEST(TrainingArenaBytes, OfABatchOf64AreTwoThirdsOfAGigabyte) {
  EXPECT_LT(TrainingArenaBytes(*MakePlan(*FindModel("shufflenet_v1_g3_x1_0")), 64), int64_t{640} * 1000 * 1000);
}

// Maps that the backward pass reads must all be there at its start; sharing memory saves the rest.
TEST(TrainingArenaBytes, IsLessThanAllMapsAndGradientsTogether) {
  const Plan plan = *MakePlan(*FindModel("shufflenet_v1_g3_x1_0"));
  int64_t all = 0;
  for (size_t m = 1; m < plan.maps.size(); ++m)
    all += 2 * int64_t{sizeof(float)} * plan.maps[m].channels * RowStride(kImages * plan.maps[m].area());
  EXPECT_LT(TrainingArenaBytes(plan, kImages), all * 6 / 10);
}

TEST(TrainingArenaBytes, RecomputedMapsSaveTheirMemory) {
  const Plan plan = *MakePlan(*FindModel("shufflenet_v1_g3_x1_0"));
  Plan keeping = plan;
  keeping.backward = MakeBackwardPlan(plan, Recompute::kNothing);
  int64_t recomputed = 0;
  for (size_t m = 0; m < plan.maps.size(); ++m)
    if (plan.backward.maps[m].recomputed_by >= 0) recomputed += int64_t{sizeof(float)} * plan.maps[m].values(kImages);
  ASSERT_GT(recomputed, 0);
  EXPECT_LT(TrainingArenaBytes(plan, kImages), TrainingArenaBytes(keeping, kImages) - recomputed * 9 / 10);
}

}  // namespace
}  // namespace riffle
