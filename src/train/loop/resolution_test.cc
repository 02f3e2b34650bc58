// Resolution schedules: what is read, and which size an epoch has.
#include "train/loop/resolution.h"

#include <gmock/gmock.h>

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Resolution, GivesEachEpochItsSize) {
  const auto steps = *ParseResolutionSchedule("0:128,60:160,80:224");
  EXPECT_THAT(steps, ElementsAre(ResolutionStep{0, 128}, ResolutionStep{60, 160}, ResolutionStep{80, 224}));
  for (const auto& [epoch, size] : {std::pair(0, 128), {59, 128}, {60, 160}, {79, 160}, {80, 224}, {1000, 224}})
    EXPECT_EQ(ResolutionAt(steps, epoch), size) << epoch;
  EXPECT_TRUE(ParseResolutionSchedule("")->empty());
}

TEST(Resolution, WhatIsNoScheduleIsNamed) {
  for (const char* text : {"128", "0:", ":128", "0:128;60:160", "0:7", "0:5000", "0:x", "0:128 ,60:160", "-1:32"})
    EXPECT_THAT(ParseResolutionSchedule(text).status().message(), HasSubstr("expected pairs epoch:size")) << text;
  EXPECT_THAT(ParseResolutionSchedule("1:32").status().message(), HasSubstr("found epoch 1"));
  EXPECT_THAT(ParseResolutionSchedule("0:32,5:64,5:96").status().message(), HasSubstr("found epoch 5"));
}

}  // namespace
}  // namespace riffle
