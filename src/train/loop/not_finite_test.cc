// Losses that are not finite numbers: the step is named with its pictures, and what on_nan says becomes of it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <set>

#include "train/loop/trainer.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A source in which some batches, counted from the run's first one, hold a value that is no number.
class Poisoned : public BatchSource {
 public:
  Poisoned(BatchSource& source, std::set<int64_t> steps) : source_(source), steps_(std::move(steps)) {}
  int64_t BatchesPerEpoch() const override { return source_.BatchesPerEpoch(); }
  int64_t ImagesPerEpoch() const override { return source_.ImagesPerEpoch(); }
  int image_size() const override { return source_.image_size(); }
  void Seek(LoaderPosition position) override { source_.Seek(position); }
  Result<const Batch*> Next() override {
    RIFFLE_ASSIGN(const Batch* const batch, source_.Next());
    if (!batch || !steps_.contains(batch->position.epoch * BatchesPerEpoch() + batch->position.batch)) return batch;
    batch_ = *batch;
    values_.assign(batch->pixels.data, batch->pixels.data + batch->channels * batch->pixels.stride);
    values_[0] = std::numeric_limits<float>::quiet_NaN();
    batch_.pixels.data = values_.data();
    return &batch_;
  }

 private:
  BatchSource& source_;
  const std::set<int64_t> steps_;
  Batch batch_;
  std::vector<float> values_;
};

/// Keeps what is said, and ends the run after so many steps, as a crash does.
struct Listener : Recorder {
  Status OnStep(const StepEvent& e) override {
    if (e.may_end && ++steps_done == last_step) return IoError("it is killed");
    return {};
  }
  void OnNotFinite(const std::string& what) override { said.push_back(what); }
  std::vector<std::string> said;
  int steps_done = 0, last_step = -1;
};

TrainerOptions With(OnNan on_nan, const std::filesystem::path& folder, int epochs = 2) {
  TrainerOptions options = TinyOptions(folder, epochs);
  options.on_nan = on_nan;
  options.ema_decay = 0.9;
  options.ckpt_save_steps = 1;
  options.retention.policy = RetentionPolicy::kAll;
  return options;
}

/// Trains on TinyData, three batches an epoch, of which some are poisoned.
Status Train(TinyRun& run, std::set<int64_t> steps, TrainObserver& observer) {
  Poisoned source(*run.train_loader, std::move(steps));
  return run.trainer->Run({.train = [&](int) -> Result<BatchSource*> { return &source; },
                           .name_of = [](int64_t i) { return fmt::format("{}.jpg", i); }},
                          observer);
}

/// The checkpoint after a step.
std::filesystem::path After(const std::filesystem::path& folder, int step) {
  return folder / CheckpointName(TinyModel(), step / 3, step);
}

TEST(NotFinite, StopsTheRunAndNamesStepRateAndPictures) {
  const std::filesystem::path folder = TestFolder();
  TinyRun run(With(OnNan::kStop, folder));
  Listener listener;
  const Status status = Train(run, {4}, listener);
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  std::string names;
  run.train_loader->Seek({.epoch = 1, .batch = 1});
  const Batch& batch = **run.train_loader->Next();
  for (int i = 0; i < 3; ++i) names += fmt::format("{}{}.jpg", i > 0 ? ", " : "", batch.indices[i]);
  EXPECT_THAT(status.message(),
              HasSubstr("the loss is not a finite number at step 5 (learning rate 0.00290957; pictures " + names +
                        " and 3 more): lower --lr"));
  EXPECT_TRUE(std::filesystem::exists(After(folder, 4)));
  EXPECT_FALSE(std::filesystem::exists(After(folder, 5)));
}

// The optimizer, the average and the statistics are those of the step before; and so the next step is another one's.
TEST(NotFinite, SkippedStepsChangeNothing) {
  const std::filesystem::path folder = TestFolder();
  TinyRun run(With(OnNan::kSkip, folder));
  Listener listener;
  ASSERT_EQ(Train(run, {4}, listener).message(), "");
  EXPECT_EQ(TensorsOf(After(folder, 5)), TensorsOf(After(folder, 4)));
  EXPECT_NE(TensorsOf(After(folder, 6)), TensorsOf(After(folder, 5)));
  EXPECT_EQ(Checkpoint::Open(After(folder, 6))->info().updates, 5);
  ASSERT_EQ(listener.said.size(), 1u);
  EXPECT_THAT(listener.said[0], AllOf(HasSubstr("The loss is not a finite number at step 5"), HasSubstr(".jpg"),
                                      HasSubstr("its update is left out")));
  EXPECT_EQ(listener.epochs[1].images, 12) << "the loss of an epoch is that of the pictures that it learnt from";
  EXPECT_TRUE(std::isfinite(listener.epochs[1].train_loss));
}

TEST(NotFinite, WhereNoneIsItMakesNoDifferenceToABit) {
  const std::filesystem::path stop = TestFolder(), skip = TestFolder(), rollback = TestFolder();
  for (const auto& [on_nan, folder] :
       {std::pair{OnNan::kStop, stop}, {OnNan::kSkip, skip}, {OnNan::kRollback, rollback}}) {
    TinyRun run(With(on_nan, folder));
    Listener listener;
    ASSERT_EQ(Train(run, {}, listener).message(), "");
  }
  EXPECT_EQ(ReadBytes(After(skip, 6)), ReadBytes(After(stop, 6)));
  EXPECT_EQ(ReadBytes(After(rollback, 6)), ReadBytes(After(stop, 6)));
}

TEST(NotFinite, OfABatchLeavesOutTheUpdateOfWhichItIsAPart) {
  const std::filesystem::path folder = TestFolder();
  TrainerOptions options = With(OnNan::kSkip, folder, 1);
  options.gradient_accumulation_steps = 2;  // batches 0 and 1, and 2
  TinyRun run(options);
  Listener listener;
  ASSERT_EQ(Train(run, {0}, listener).message(), "");
  EXPECT_EQ(Checkpoint::Open(After(folder, 2))->info().updates, 0);
  EXPECT_EQ(Checkpoint::Open(After(folder, 3))->info().updates, 1);
  EXPECT_EQ(listener.said.size(), 1u);
}

TEST(NotFinite, TooOftenInARowEndsTheRunAlsoWhereItWasResumedInBetween) {
  const std::filesystem::path folder = TestFolder();
  std::set<int64_t> all;
  for (int64_t step = 1; step < 30; ++step) all.insert(step);
  for (const int killed_after : {-1, 4}) {
    TinyRun run(With(OnNan::kSkip, folder, 10));
    Listener listener;
    listener.last_step = killed_after;
    Status status = Train(run, all, listener);
    if (killed_after > 0) {
      TinyRun next(With(OnNan::kSkip, folder, 10));
      ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(After(folder, 4))).message(), "");
      status = Train(next, all, listener);
    }
    EXPECT_THAT(status.message(), AllOf(HasSubstr("at step 12 "), HasSubstr("and 10 steps before it were left out")))
        << killed_after;
  }
}

TEST(NotFinite, ASkippedStepIsSkippedAgainWhereTheRunWasKilledToTheSameBits) {
  const std::filesystem::path whole = TestFolder(), parts = TestFolder();
  for (const OnNan on_nan : {OnNan::kSkip, OnNan::kRollback}) {
    TinyRun run(With(on_nan, whole));
    Listener listener;
    ASSERT_EQ(Train(run, {1, 4}, listener).message(), "");
    for (const int resumed_after : {1, 2, 4, 5}) {
      for (const auto& file : std::filesystem::directory_iterator(parts)) std::filesystem::remove(file);
      std::filesystem::copy_file(After(whole, resumed_after), After(parts, resumed_after));
      TinyRun next(With(on_nan, parts));
      ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(After(parts, resumed_after))).message(), "");
      ASSERT_EQ(Train(next, {1, 4}, listener).message(), "");
      EXPECT_EQ(TensorsOf(After(parts, 6)), TensorsOf(After(whole, 6))) << "resumed after step " << resumed_after;
    }
  }
}

TEST(NotFinite, RollbackGoesBackToTheNewestWholeCheckpointAndOnPastTheBatch) {
  const std::filesystem::path folder = TestFolder();
  TrainerOptions options = With(OnNan::kRollback, folder, 3);
  options.ckpt_save_steps = 0;  // at the ends of epochs
  {
    TinyRun run(options);
    Listener listener;
    ASSERT_EQ(Train(run, {5, 8}, listener).message(), "");
    EXPECT_THAT(listener.said, ElementsAre(HasSubstr("back to the weights of " + After(folder, 3).string()),
                                           HasSubstr("back to the weights of " + After(folder, 6).string())));
  }
  EXPECT_EQ(TensorsOf(After(folder, 6)), TensorsOf(After(folder, 3))) << "its last batch was the bad one";
  EXPECT_EQ(Checkpoint::Open(After(folder, 6))->info().updates, 3);

  // Where the newest one is damaged, the one before it.
  std::filesystem::resize_file(After(folder, 6), 1000);
  TinyRun run(options);
  ASSERT_EQ(run.trainer->Resume(*Checkpoint::Open(After(folder, 3))).message(), "");
  std::filesystem::remove(After(folder, 9));
  Listener listener;
  ASSERT_EQ(Train(run, {4}, listener).message(), "");
  EXPECT_THAT(listener.said, ElementsAre(HasSubstr(After(folder, 3).string())));
}

TEST(NotFinite, RollbackWithoutACheckpointOrWithoutProgressEndsTheRun) {
  const std::filesystem::path folder = TestFolder();
  TrainerOptions options = With(OnNan::kRollback, folder, 3);
  options.ckpt_save_steps = 0;
  Listener listener;
  TinyRun none(options);
  EXPECT_THAT(Train(none, {1}, listener).message(),
              AllOf(HasSubstr("at step 2 "), HasSubstr("there is no checkpoint to go back to")));
  options.ckpt_save_interval = 10;  // one after the last epoch
  TinyRun run(options);
  options.ckpt_save_steps = 0;
  TinyRun first(With(OnNan::kStop, folder, 1));
  ASSERT_EQ(Train(first, {}, listener).message(), "");
  ASSERT_EQ(run.trainer->Resume(*Checkpoint::Open(After(folder, 3))).message(), "");
  EXPECT_THAT(Train(run, {3, 4, 6, 7}, listener).message(),
              AllOf(HasSubstr("at step 8 "), HasSubstr("went back to " + After(folder, 3).string() + " 3 times")));
}

}  // namespace
}  // namespace riffle
