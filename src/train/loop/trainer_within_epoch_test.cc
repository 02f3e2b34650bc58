// Runs that end within an epoch, wherever that is, and go on from what they saved: to the same bits and rows as a run
// in one.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "train/loop/same_run.h"
#include "train/testing.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kEpochs = 3;

/// Ends a run after a step of the run, as a crash does, or as a signal does: at the first step from which it can go on.
struct Stopper : Recorder {
  Status OnStep(const StepEvent& e) override {
    RIFFLE_TRY(Recorder::OnStep(e));
    if (static_cast<int>(steps.size()) < after) return {};
    if (!as_a_signal) return IoError("crashed");
    return e.may_end ? Interrupted("stopped") : Status();
  }
  int after = INT32_MAX;
  bool as_a_signal = false;
};

/// A run of 20 pictures that shall not depend on where it was ended.
struct Case {
  std::string name;
  TrainerOptions options;
  bool drops_remainder = true;
  std::vector<int> sizes = {8, 8, 8};  ///< of the pictures, by epoch
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> Cases() {
  std::vector<Case> cases(4, {.options = TinyOptions("", kEpochs)});
  cases[0].name = "Plain";
  cases[1].name = "WithARemainder";
  cases[1].drops_remainder = false;
  cases[1].options.optimizer.rule = &FindUpdateRule("adamw");
  cases[2].name = "AveragedClippedMixedInGroups";
  cases[2].options = AveragingOptions("", kEpochs);
  cases[2].options.objective.mix = {.mixup = 1, .cutmix = 1, .seed = 9};
  cases[2].options.patience = 2;
  cases[3].name = "GrowingPicturesRarelySaved";
  cases[3].sizes = {8, 12, 12};
  cases[3].options.ckpt_save_interval = 2;
  cases[3].options.bn_recalibration = 2;
  for (Case& c : cases) c.options.ckpt_save_steps = 2;
  return cases;
}

/// A part of it: what lies in the folder goes on, as --resume=auto does. Threads and workers differ by its number.
struct Part {
  Part(const Case& c, const fs::path& folder, int number)
      : run(In(folder, c.options), TinyInfo(), {.threads = 1 + number % 2}) {
    run.train_at = [this, c, number](int epoch) -> Result<BatchSource*> {
      Augmentation augmentation = DefaultAugmentation(**FindDataset("cifar10"));
      augmentation.padding = 1;
      loader = std::move(
          *Loader::Create(*run.train, *Transform::ForTraining(InfoOfSize(c.sizes[epoch]).preprocessing, augmentation),
                          {.batch_size = 6,
                           .drop_remainder = c.drops_remainder,
                           .seed = 5,
                           .workers = number % 3,
                           .end_epoch = kEpochs}));
      return loader.get();
    };
    std::vector<CheckpointFile> files = ListCheckpoints(folder, TinyModel());
    if (const Result<Checkpoint> best = Checkpoint::Open(folder / Best()); best.ok())
      files.push_back({.path = best->path(), .epoch = best->info().epoch, .step = best->info().step});
    const auto last = std::ranges::max_element(files, {}, &CheckpointFile::step);
    if (last == files.end()) return;
    const Checkpoint newest = std::move(*Checkpoint::Open(last->path));
    EXPECT_EQ(run.trainer->Resume(newest).message(), "");
    run.trainer->GoOnWith(newest.info().options, c.options.retention,
                          FindBest(newest, TinyInfo(), folder).top1_percent);
  }
  static TrainerOptions In(const fs::path& folder, TrainerOptions options) {
    options.ckpt_save_dir = folder;
    return options;
  }
  TinyRun run;
  std::unique_ptr<Loader> loader;
};

class WithinEpoch : public testing::TestWithParam<Case> {
 protected:
  WithinEpoch() {
    whole_ = MakeFolder("whole");
    EXPECT_EQ(Part(GetParam(), whole_, 0).run.Train(expected_).message(), "");
  }
  fs::path MakeFolder(const std::string& name) const {
    fs::create_directories(folder_ / name);
    return folder_ / name;
  }
  /// The rows that a part adds; those of epochs that it trains again replace the earlier ones.
  static void Append(const Stopper& part, std::vector<EpochEvent>* rows) {
    for (const EpochEvent& row : part.epochs) {
      std::erase_if(*rows, [&](const EpochEvent& earlier) { return earlier.epoch == row.epoch; });
      rows->push_back(row);
    }
  }
  void ExpectTheSame(const fs::path& parts, const std::vector<EpochEvent>& rows, const std::string& what) const {
    const int64_t steps = expected_.epochs.back().step;
    for (const std::string& file : {CheckpointName(TinyModel(), kEpochs, steps), Best()})
      EXPECT_EQ(ReadBytes(parts / file), ReadBytes(whole_ / file)) << file << ' ' << what;
    ASSERT_EQ(rows.size(), expected_.epochs.size()) << what;
    for (size_t i = 0; i < rows.size(); ++i) {
      const EpochEvent &a = rows[i], &b = expected_.epochs[i];
      EXPECT_EQ(std::tuple(a.epoch, a.step, a.lr, a.train_loss, a.images, a.best),
                std::tuple(b.epoch, b.step, b.lr, b.train_loss, b.images, b.best))
          << what;
      EXPECT_EQ(a.validation->loss_sum, b.validation->loss_sum) << what;
    }
  }

  const fs::path folder_ = TestFolder();
  fs::path whole_;
  Recorder expected_;
};

TEST_P(WithinEpoch, ACrashAfterEachStepCostsOnlyWhatCameAfterTheLastCheckpoint) {
  const int steps = static_cast<int>(expected_.steps.size());
  for (int after = 1; after <= steps; ++after) {
    const fs::path folder = MakeFolder(fmt::format("after-{}", after));
    std::vector<EpochEvent> rows;
    Stopper crashed, rest;
    crashed.after = after;
    EXPECT_THAT(Part(GetParam(), folder, after).run.Train(crashed).message(), testing::StartsWith("crashed"));
    Append(crashed, &rows);
    EXPECT_EQ(Part(GetParam(), folder, after + 1).run.Train(rest).message(), "");
    Append(rest, &rows);
    EXPECT_LE(crashed.steps.size() + rest.steps.size(), steps + 3u) << "checkpoints are due each second step";
    ExpectTheSame(folder, rows, fmt::format("after step {}", after));
  }
}

TEST_P(WithinEpoch, ASignalAtEachStepCostsNothing) {
  const fs::path folder = MakeFolder("parts");
  std::vector<EpochEvent> rows;
  size_t steps = 0;
  for (int part = 0;; ++part) {
    ASSERT_LT(part, 20);
    Stopper stopper;
    stopper.after = 1;
    stopper.as_a_signal = true;
    const Status status = Part(GetParam(), folder, part).run.Train(stopper);
    steps += stopper.steps.size();
    Append(stopper, &rows);
    if (status.ok()) break;
    EXPECT_THAT(status.message(), AllOf(HasSubstr("batches of epoch"), HasSubstr(", nothing is lost;")));
  }
  EXPECT_EQ(steps, expected_.steps.size()) << "no step is done twice";
  ExpectTheSame(folder, rows, "in parts");
}

INSTANTIATE_TEST_SUITE_P(Runs, WithinEpoch, testing::ValuesIn(Cases()),
                         [](const auto& instance) { return instance.param.name; });

/// "0_2 0_4 1_6": the numbered checkpoints in a folder.
std::string Saved(const fs::path& folder) {
  std::string names;
  for (const CheckpointFile& file : ListCheckpoints(folder, TinyModel()))
    names += fmt::format("{}{}_{}", names.empty() ? "" : " ", file.epoch, file.step);
  return names;
}

TEST(Trainer, SavesEachTimeSoManyStepsAreDoneAtTheEndOfAnUpdate) {
  const auto saved = [](int64_t steps, int group, int interval) {
    TrainerOptions options = TinyOptions(TestFolder(), 3);  // of 3 steps
    options.ckpt_save_steps = steps;
    options.gradient_accumulation_steps = group;
    options.ckpt_save_interval = interval;
    EXPECT_EQ(TinyRun(options).Train().message(), "");
    return Saved(options.ckpt_save_dir);
  };
  EXPECT_EQ(saved(0, 1, 1), "1_3 2_6 3_9");
  EXPECT_EQ(saved(1, 1, 1), "0_1 0_2 1_3 1_4 1_5 2_6 2_7 2_8 3_9");
  EXPECT_EQ(saved(2, 1, 5), "0_2 1_4 2_6 2_8 3_9") << "step 6 ends an epoch";
  EXPECT_EQ(saved(4, 1, 5), "1_4 2_8 3_9");
  EXPECT_EQ(saved(1, 2, 5), "0_2 1_3 1_5 2_6 2_8 3_9");
  EXPECT_EQ(saved(4, 2, 5), "1_5 2_8 3_9") << "the first end of an update from step 4 on";
  EXPECT_EQ(saved(1, 3, 5), "1_3 2_6 3_9");
}

TEST(Trainer, SavesSoManyMinutesAfterTheLastCheckpoint) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.ckpt_save_minutes = 1e-9;
  EXPECT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_EQ(Saved(options.ckpt_save_dir), "0_1 0_2 1_3");
  options.ckpt_save_dir = TestFolder();
  options.ckpt_save_minutes = 60;
  EXPECT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_EQ(Saved(options.ckpt_save_dir), "1_3");
}

TEST(Trainer, ACheckpointWithinAnEpochKnowsWhereItStands) {
  TrainerOptions options = TinyOptions(TestFolder(), 2);
  options.ckpt_save_steps = 5;
  Recorder recorder;
  EXPECT_EQ(TinyRun(options).Train(recorder).message(), "");
  const Result<Checkpoint> checkpoint = Checkpoint::Open(options.ckpt_save_dir / CheckpointName(TinyModel(), 1, 5));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const CheckpointInfo& info = checkpoint->info();
  ASSERT_TRUE(info.partial_epoch.has_value());
  EXPECT_EQ(info.PositionText(), "epoch 2, batch 2");
  EXPECT_EQ(info.partial_epoch->batches_per_epoch, 3);
  EXPECT_EQ(info.partial_epoch->images, 12);
  EXPECT_EQ(info.partial_epoch->loss_sum / 12, recorder.losses[4].epoch);
  EXPECT_GT(info.partial_epoch->seconds, 0);
  EXPECT_LT(info.partial_epoch->seconds, recorder.epochs[1].seconds);
  EXPECT_EQ(info.top1_percent, std::nullopt) << "the last epoch's is not this one's";
  EXPECT_EQ(info.best_top1_percent.has_value(), true);
}

TEST(Trainer, AnEpochInPartsTakesTheSecondsOfBoth) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  Stopper stopper;
  stopper.after = 2;
  stopper.as_a_signal = true;
  EXPECT_THAT(TinyRun(options).Train(stopper).message(),
              HasSubstr(fmt::format("stopped; 2 of 3 batches of epoch 1 are in {}/{}, nothing is lost;",
                                    options.ckpt_save_dir.string(), CheckpointName(TinyModel(), 0, 2))));
  CheckpointInfo info = Checkpoint::Open(options.ckpt_save_dir / CheckpointName(TinyModel(), 0, 2))->info();
  TinyRun next(options);
  const fs::path slow = options.ckpt_save_dir / "slow";
  info.partial_epoch->seconds = 1000;
  ASSERT_EQ(SaveCheckpoint(slow, info, next.trainer->plan().registry, next.trainer->TakeSnapshot()).message(), "");
  ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(slow)).message(), "");
  Recorder rest;
  EXPECT_EQ(next.Train(rest).message(), "");
  ASSERT_EQ(rest.steps.size(), 1u);
  EXPECT_EQ(rest.steps[0].batch, 3);
  EXPECT_EQ(rest.steps[0].images, 6) << "speed is that of this part";
  EXPECT_GT(rest.epochs[0].seconds, 1000);
  EXPECT_EQ(rest.epochs[0].images, 18);
}

TEST(Trainer, AnEpochOfOtherBatchesIsNotGoneOnWith) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.ckpt_save_steps = 1;
  Stopper stopper;
  stopper.after = 2;
  EXPECT_FALSE(TinyRun(options).Train(stopper).ok());
  TinyRun next(options, TinyInfo(), {.batch_size = 5});
  ASSERT_EQ(
      next.trainer->Resume(*Checkpoint::Open(options.ckpt_save_dir / CheckpointName(TinyModel(), 0, 1))).message(), "");
  EXPECT_THAT(next.Train().message(), HasSubstr("epoch 1 has 4 batches now, and had 3 as 1 of them were trained"));
}

// A source that fails once, at a batch of the run.
struct Failing : BatchSource {
  Failing(BatchSource& of, int64_t bad_batch) : source(of), bad(bad_batch) {}
  int64_t BatchesPerEpoch() const override { return source.BatchesPerEpoch(); }
  int64_t ImagesPerEpoch() const override { return source.ImagesPerEpoch(); }
  int image_size() const override { return source.image_size(); }
  void Seek(LoaderPosition position) override { source.Seek(position); }
  Result<const Batch*> Next() override {
    if (next++ == bad) return DataLoss("the disk is gone");
    return source.Next();
  }
  BatchSource& source;
  const int64_t bad;
  int64_t next = 0;
};

TEST(Trainer, AnErrorOfTheDataCostsNothingBetweenUpdates) {
  for (const int group : {1, 2}) {
    TrainerOptions options = TinyOptions(TestFolder(), 1);
    options.gradient_accumulation_steps = group;
    TinyRun run(options);
    Failing failing(*run.train_loader, 1);
    run.train_at = [&](int) -> Result<BatchSource*> { return &failing; };
    EXPECT_THAT(run.Train().message(), testing::StartsWith("the disk is gone"));
    EXPECT_EQ(Saved(options.ckpt_save_dir), group == 1 ? "0_1" : "") << "an update that has begun cannot be saved";
  }
}

TEST(Trainer, PatienceEndsARunAfterSoManyValidationsThatAreNoBetter) {
  for (const int interval : {1, 50}) {
    TrainerOptions options = TinyOptions(TestFolder(), 20);
    options.schedule.lr = 0;  // whatever top-1 there is at first is the best
    options.schedule.min_lr = 0;
    options.patience = 3;
    options.ckpt_save_interval = interval;
    Recorder recorder;
    TinyRun run(options, [] {
      CheckpointInfo info = TinyInfo();
      info.model.bn_momentum = 0.999;  // nor do the statistics change an answer
      return info;
    }());
    EXPECT_EQ(run.trainer->end(), RunEnd::kNotYet);
    ASSERT_EQ(run.Train(recorder).message(), "");
    EXPECT_EQ(run.trainer->end(), RunEnd::kPatience);
    EXPECT_EQ(recorder.epochs.size(), 4u) << "one that is the best, and three";
    const CheckpointFile last = ListCheckpoints(options.ckpt_save_dir, TinyModel()).back();
    EXPECT_EQ(last.epoch, 4) << "the end is saved, due or not";
    const Checkpoint checkpoint = std::move(*Checkpoint::Open(last.path));
    EXPECT_EQ(checkpoint.info().validations_since_best, 3);
    options.patience = 5;
    TinyRun more(options, checkpoint.info());
    ASSERT_EQ(more.trainer->Resume(checkpoint).message(), "");
    Recorder rest;
    ASSERT_EQ(more.Train(rest).message(), "");
    EXPECT_EQ(rest.epochs.size(), 2u) << "it counts on from there";
  }
}

TEST(Trainer, PatienceIsAsItWasWhereABestValidationComesAgain) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.patience = 2;
  TinyRun run(options);
  ASSERT_EQ(run.Train().message(), "");
  // As a crash between the best checkpoint and the numbered one leaves it.
  CheckpointInfo info = run.trainer->info();
  info.unvalidated = TrainedEpoch{.lr = 0.1, .train_loss = 1, .images = 18, .seconds = 1};
  info.top1_percent = info.best_top1_percent = std::nullopt;
  const fs::path numbered = options.ckpt_save_dir / Numbered(1);
  ASSERT_EQ(SaveCheckpoint(numbered, info, run.trainer->plan().registry, run.trainer->TakeSnapshot()).message(), "");
  const Checkpoint checkpoint = std::move(*Checkpoint::Open(numbered));
  TinyRun next(options);
  ASSERT_EQ(next.trainer->Resume(checkpoint).message(), "");
  next.trainer->GoOnWith("", {}, FindBest(checkpoint, TinyInfo(), options.ckpt_save_dir).top1_percent);
  Recorder recorder;
  ASSERT_EQ(next.Train(recorder).message(), "");
  EXPECT_TRUE(recorder.epochs[0].best);
  EXPECT_EQ(Checkpoint::Open(numbered)->info().validations_since_best, 0);
}

TEST(Trainer, ALimitOfTimeEndsARunWithACheckpointAndCountsAllItsParts) {
  TrainerOptions options = TinyOptions(TestFolder(), 2);
  options.max_minutes = 1e-9;
  TinyRun first(options);
  ASSERT_EQ(first.Train().message(), "");
  EXPECT_EQ(first.trainer->end(), RunEnd::kTime);
  EXPECT_EQ(Saved(options.ckpt_save_dir), "0_1");
  const Checkpoint checkpoint = std::move(*Checkpoint::Open(first.trainer->saved()));
  EXPECT_GT(checkpoint.info().run_seconds.value_or(0), 0);

  TinyRun again(options);
  ASSERT_EQ(again.trainer->Resume(checkpoint).message(), "");
  EXPECT_EQ(again.trainer->end(), RunEnd::kTime) << "there is nothing left";

  options.max_minutes = 1000;
  TinyRun second(options);
  ASSERT_EQ(second.trainer->Resume(checkpoint).message(), "");
  EXPECT_EQ(second.trainer->run_seconds(), checkpoint.info().run_seconds);
  ASSERT_EQ(second.Train().message(), "");
  EXPECT_GT(second.trainer->run_seconds(), *checkpoint.info().run_seconds);
  EXPECT_EQ(second.trainer->end(), RunEnd::kEpochs);

  options.max_minutes = 0;
  options.ckpt_save_dir = TestFolder();
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_EQ(ReadBytes(options.ckpt_save_dir / Numbered(2)), ReadBytes(second.options.ckpt_save_dir / Numbered(2)))
      << "a limit that was not reached leaves no trace";
}

}  // namespace
}  // namespace riffle
