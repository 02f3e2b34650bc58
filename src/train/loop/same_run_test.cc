// Whether a run can go on: what has to be the same, and which validation is the best so far.
#include "train/loop/same_run.h"

#include <gmock/gmock.h>

#include <functional>

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

TEST(CheckSameRun, AnotherSizeOfValidationNamesItsOption) {
  const CheckpointInfo there = TinyInfo();
  CheckpointInfo here = there;
  here.model.image_size = 16;
  EXPECT_THAT(CheckSameRun(SavedCheckpoint(there, 1), here, false).message(),
              AllOf(HasSubstr("image_size is 8 there and 16 here"), HasSubstr("add --val_resize=8 ")));
}

// A run that stands after epoch 5, and a best checkpoint of `epoch` with 60 %.
BestSoFar Found(
    int epoch, const std::function<void(CheckpointInfo&)>& change = [](CheckpointInfo&) {}) {
  const std::filesystem::path folder = TestFolder();
  CheckpointInfo here = TinyInfo();
  here.measured = ValidationSetup{.val_split = "val", .names_checksum = "12", .preprocessing = here.preprocessing};
  CheckpointInfo best = here, numbered = here;
  best.epoch = epoch;
  best.top1_percent = 60;
  numbered.best_top1_percent = 50;
  change(best);
  const Plan plan = *MakePlan(best.model);
  EXPECT_EQ(
      SaveCheckpoint(folder / BestCheckpointName(best.model), best, plan.registry, Snapshot(plan.registry)).message(),
      "");
  return FindBest(SavedCheckpoint(numbered, 5), here, folder);
}

TEST(FindBest, TheFileSaysWhatTheNextOneHasToSurpass) {
  EXPECT_EQ(Found(4).top1_percent, 60);
  EXPECT_EQ(Found(4).line, "");
  const BestSoFar later = Found(9);
  EXPECT_EQ(later.top1_percent, 60) << "the run was there before";
  EXPECT_THAT(later.line, HasSubstr("that of epoch 9, 60.00 %, and stays until one is better"));
  EXPECT_FALSE(later.set_aside);
}

TEST(FindBest, OneThatDoesNotCompareIsSetAside) {
  const BestSoFar split = Found(4, [](CheckpointInfo& best) { best.measured->val_split = "test"; });
  EXPECT_EQ(split.top1_percent, std::nullopt);
  EXPECT_TRUE(split.set_aside);
  EXPECT_THAT(split.line, HasSubstr("60.00 %, does not count from now on: it was measured otherwise: val_split"));
  EXPECT_THAT(Found(4, [](CheckpointInfo& best) { best.measured->names_checksum = "34"; }).line,
              HasSubstr("the pictures are others"));
  EXPECT_EQ(Found(4, [](CheckpointInfo& best) { best.measured->names_checksum = ""; }).line, "")
      << "an older file does not say";
  EXPECT_THAT(Found(4, [](CheckpointInfo& best) { std::swap(best.classes[0], best.classes[1]); }).line,
              HasSubstr("another network"));
}

}  // namespace
}  // namespace riffle
