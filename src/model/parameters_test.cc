#include "model/parameters.h"

#include <gtest/gtest.h>

#include <set>

#include "model/plan.h"
#include "model/zoo.h"

namespace riffle {
namespace {

Plan SmallPlan() { return *MakePlan(*FindModel("shufflenet_v1_g3_x0_5")); }

TEST(ParameterRegistry, PlacesEachTensorOnWholeCacheLinesWithoutOverlap) {
  const Plan plan = SmallPlan();
  int64_t end = 0;
  for (const Parameter& p : plan.registry.trainable()) {
    EXPECT_EQ(p.offset % kCacheLineFloats, 0) << p.name;
    EXPECT_GE(p.offset, end) << p.name;
    end = p.offset + p.size;
  }
  EXPECT_LE(end, plan.registry.trainable_arena_values());
}

TEST(ParameterRegistry, NamesEachTensorOnce) {
  const Plan plan = SmallPlan();
  std::set<std::string> names;
  for (const auto list : {plan.registry.trainable(), plan.registry.statistics()})
    for (const Parameter& p : list) EXPECT_TRUE(names.insert(p.name).second) << p.name;
}

TEST(ParameterRegistry, SeparatesWhatIsLearntFromWhatIsTracked) {
  const Plan plan = SmallPlan();
  for (const Parameter& p : plan.registry.trainable())
    EXPECT_TRUE(p.kind != ParameterKind::kRunningMean && p.kind != ParameterKind::kRunningVariance) << p.name;
  for (const Parameter& p : plan.registry.statistics())
    EXPECT_TRUE(p.kind == ParameterKind::kRunningMean || p.kind == ParameterKind::kRunningVariance) << p.name;
}

}  // namespace
}  // namespace riffle
