// Whether a run can go on: what has to be the same.
#include "train/loop/same_run.h"

#include <gmock/gmock.h>

#include "checkpoint/testing/tiny.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CheckSameRun, OfManyClassesThoseAreShownFromWhichOnTheyDiffer) {
  CheckpointInfo there = TinyInfo();
  there.model.num_classes = 40;
  there.classes.clear();
  for (int i = 10; i < 50; ++i) there.classes.push_back(fmt::format("class {}", i));
  CheckpointInfo here = there;
  here.classes.erase(here.classes.begin() + 20);
  const Checkpoint checkpoint = SavedCheckpoint(there, 1);
  EXPECT_EQ(CheckSameRun(checkpoint, there, false).message(), "");
  const Status status = CheckSameRun(checkpoint, here, false);
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("40 (from number 21 on: class 30, class 31"), HasSubstr("class 37, …) there"),
                    HasSubstr("39 (from number 21 on: class 31, class 32"), Not(HasSubstr("class 29"))));
}

}  // namespace
}  // namespace riffle
