// Which checkpoints stay under each policy.
#include "train/loop/retention.h"

#include <gmock/gmock.h>

#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

// Epochs 1 to 6 with these figures, the first `otherwise` measured otherwise than the rest; what is left of them.
std::vector<int> Left(RetentionPolicy policy, int keep, int otherwise = 0) {
  const std::filesystem::path folder = TestFolder();
  const std::vector<std::optional<double>> top1 = {50, 70, 60, std::nullopt, 70, 55};
  CheckpointInfo info = TinyInfo();
  const Plan plan = *MakePlan(info.model);
  for (; info.epoch < static_cast<int>(top1.size());) {
    info.measured =
        ValidationSetup{.val_split = info.epoch < otherwise ? "train" : "val", .preprocessing = info.preprocessing};
    info.top1_percent = top1[info.epoch++];
    EXPECT_TRUE(SaveCheckpoint(folder / CheckpointName(info.model, info.epoch, 10), info, plan.registry,
                               Snapshot(plan.registry))
                    .ok());
  }
  EXPECT_EQ(RemoveOldCheckpoints(folder, info.model, {.policy = policy, .keep = keep}).message(), "");
  std::vector<int> left;
  for (const CheckpointFile& file : ListCheckpoints(folder, info.model)) left.push_back(file.epoch);
  return left;
}

TEST(Retention, LatestKeepsTheNewest) {
  EXPECT_THAT(Left(RetentionPolicy::kLatest, 2), ElementsAre(5, 6));
  EXPECT_THAT(Left(RetentionPolicy::kLatest, 9), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Retention, TopKeepsTheBestAndTheNewest) {
  EXPECT_THAT(Left(RetentionPolicy::kBest, 1), ElementsAre(2, 6)) << "of equal ones the older";
  EXPECT_THAT(Left(RetentionPolicy::kBest, 3), ElementsAre(2, 3, 5, 6));
  EXPECT_THAT(Left(RetentionPolicy::kBest, 4), ElementsAre(2, 3, 5, 6)) << "the newest is the fourth best";
  EXPECT_THAT(Left(RetentionPolicy::kBest, 5), ElementsAre(1, 2, 3, 5, 6)) << "an epoch without validation comes last";
}

TEST(Retention, FiguresThatWereMeasuredOtherwiseDoNotCompare) {
  EXPECT_THAT(Left(RetentionPolicy::kBest, 2, /*otherwise=*/2), ElementsAre(3, 5, 6))
      << "the 70 % of epoch 2 are of another split";
}

// What is left of four checkpoints: within epoch 1, at its end, and two within epoch 2.
std::vector<int64_t> LeftWithinEpochs(RetentionPolicy policy, int keep) {
  const std::filesystem::path folder = TestFolder();
  CheckpointInfo info = TinyInfo();
  const Plan plan = *MakePlan(info.model);
  for (info.step = 4; info.step <= 16; info.step += 4) {
    info.epoch = info.step < 8 ? 0 : 1;
    info.partial_epoch.reset();
    info.top1_percent.reset();
    if (info.step == 8)
      info.top1_percent = 50;
    else
      info.partial_epoch = {.batches = 1, .batches_per_epoch = 8, .images = 6};
    const std::filesystem::path path = folder / CheckpointName(info.model, info.epoch, info.step);
    EXPECT_TRUE(SaveCheckpoint(path, info, plan.registry, Snapshot(plan.registry)).ok());
  }
  EXPECT_EQ(RemoveOldCheckpoints(folder, info.model, {.policy = policy, .keep = keep}).message(), "");
  std::vector<int64_t> left;
  for (const CheckpointFile& file : ListCheckpoints(folder, info.model)) left.push_back(file.step);
  return left;
}

TEST(Retention, ThoseWithinEpochsCountAsTheOthersAndNeverBeforeAValidatedOne) {
  EXPECT_THAT(LeftWithinEpochs(RetentionPolicy::kLatest, 2), ElementsAre(12, 16));
  EXPECT_THAT(LeftWithinEpochs(RetentionPolicy::kBest, 1), ElementsAre(8, 16));
  EXPECT_THAT(LeftWithinEpochs(RetentionPolicy::kBest, 3), ElementsAre(8, 12, 16)) << "the newest of them";
  EXPECT_THAT(LeftWithinEpochs(RetentionPolicy::kAll, 1), ElementsAre(4, 8, 12, 16));
}

TEST(Retention, AllKeepsAll) { EXPECT_THAT(Left(RetentionPolicy::kAll, 1), ElementsAre(1, 2, 3, 4, 5, 6)); }

}  // namespace
}  // namespace riffle
