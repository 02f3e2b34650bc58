// A run in several parts: each ends with what is kept and said so, and the next goes on to the bits of the run in one.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "train/loop/same_run.h"
#include "train/loop/trainer.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(Trainer, AResumedRunEndsWithTheBitsOfOneThatWasNotStopped) {
  const std::filesystem::path folder = TestFolder(), whole = folder / "whole", parts = folder / "parts";
  std::filesystem::create_directories(whole);
  std::filesystem::create_directories(parts);
  ASSERT_EQ(TinyRun(TinyOptions(whole, 4)).Train().message(), "");
  ASSERT_EQ(TinyRun(TinyOptions(parts, 1)).Train().message(), "");
  for (const int epochs : {3, 4}) {
    TinyRun next(TinyOptions(parts, epochs));
    const std::vector<CheckpointFile> files = ListCheckpoints(parts, TinyModel());
    ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(files.back().path)).message(), "");
    EXPECT_EQ(next.trainer->info().epoch, files.back().epoch);
    ASSERT_EQ(next.Train().message(), "");
  }
  EXPECT_EQ(FilesIn(parts), FilesIn(whole));
  for (const std::string& file : FilesIn(whole)) EXPECT_EQ(ReadBytes(parts / file), ReadBytes(whole / file)) << file;
}

TEST(Trainer, ResumesEveryOptimizerWithItsSlotsAndItsUpdates) {
  for (const char* opt : {"adan", "lamb", "nadam", "rmsprop"}) {
    const std::filesystem::path folder = TestFolder(), whole = folder / opt,
                                parts = folder / (std::string(opt) + "-parts");
    std::filesystem::create_directories(whole);
    std::filesystem::create_directories(parts);
    const auto options = [&](const std::filesystem::path& out, int epochs) {
      TrainerOptions o = TinyOptions(out, epochs);
      o.optimizer.rule = &FindUpdateRule(opt);
      return o;
    };
    ASSERT_EQ(TinyRun(options(whole, 2)).Train().message(), "");
    ASSERT_EQ(TinyRun(options(parts, 1)).Train().message(), "");
    TinyRun next(options(parts, 2));
    ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(parts / Numbered(1))).message(), "");
    ASSERT_EQ(next.Train().message(), "");
    EXPECT_EQ(ReadBytes(parts / Numbered(2)), ReadBytes(whole / Numbered(2))) << opt;
  }
}

TEST(Trainer, ResumesNoOtherOptimizer) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_EQ(TinyRun(TinyOptions(folder, 1)).Train().message(), "");
  TrainerOptions options = TinyOptions(folder, 2);
  options.optimizer.rule = &FindUpdateRule("adam");
  TinyRun run(options);
  const Status status = run.trainer->Resume(*Checkpoint::Open(folder / Numbered(1)));
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("it holds velocity, this --opt needs mean, square;"));
}

// Ends the run in the validation of an epoch, or as its row is written.
struct Stopper : Recorder {
  Status OnValidation(const Evaluation&, int64_t, int64_t) override {
    const bool now = where == "validation" && epochs.size() + 1 == epoch;
    return now ? Interrupted("stopped") : Status();
  }
  Status OnEpoch(const EpochEvent& e) override {
    if (where == "record" && epochs.size() + 1 == epoch) return IoError("stopped");
    return Recorder::OnEpoch(e);
  }
  std::string where;
  size_t epoch = 2;
};

TEST(Trainer, ARunThatEndsInAValidationGoesOnWithItToTheSameBitsAndRows) {
  TrainerOptions options = TinyOptions(TestFolder(), 3);
  Recorder whole;
  ASSERT_EQ(TinyRun(options).Train(whole).message(), "");
  for (const char* where : {"validation", "record"})
    for (const int interval : {1, 5}) {  // whether the epoch's checkpoint is due or not
      TrainerOptions parts = options;
      parts.ckpt_save_dir = TestFolder();
      parts.ckpt_save_interval = interval;
      Stopper stopper;
      stopper.where = where;
      TinyRun first(parts);
      EXPECT_THAT(first.Train(stopper).message(), HasSubstr("stopped"));
      const std::filesystem::path folder = parts.ckpt_save_dir, saved = folder / Numbered(2);
      if (interval == 5 && stopper.where == "record") continue;  // the validation was done and nothing was due
      const Result<Checkpoint> checkpoint = Checkpoint::Open(saved);
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
      EXPECT_TRUE(checkpoint->info().unvalidated.has_value());
      EXPECT_EQ(checkpoint->info().top1_percent, std::nullopt);
      TinyRun next(parts);
      ASSERT_EQ(next.trainer->Resume(*checkpoint).message(), "");
      EXPECT_EQ(next.trainer->finished_epochs(), 1);
      Recorder rest;
      ASSERT_EQ(next.Train(rest).message(), "");
      ASSERT_EQ(rest.epochs.size(), 2u);
      for (int i = 0; i < 2; ++i) {
        const EpochEvent &expected = whole.epochs[i + 1], &found = rest.epochs[i];
        EXPECT_EQ(found.epoch, expected.epoch);
        EXPECT_EQ(found.step, expected.step);
        EXPECT_EQ(found.lr, expected.lr);
        EXPECT_EQ(found.images, expected.images);
        EXPECT_EQ(found.train_loss, expected.train_loss);
        EXPECT_EQ(found.best, expected.best);
        EXPECT_EQ(found.validation->loss_sum, expected.validation->loss_sum);
      }
      for (const std::string& file : {Numbered(3), Best()})
        EXPECT_EQ(ReadBytes(folder / file), ReadBytes(std::filesystem::path(options.ckpt_save_dir) / file)) << file;
    }
}

TEST(Trainer, AnErrorInAValidationSaysThatTheEpochIsSaved) {
  TrainerOptions options = TinyOptions(TestFolder(), 5);
  options.val_interval = options.ckpt_save_interval = 2;
  Stopper stopper;
  stopper.where = "validation";
  EXPECT_EQ(
      TinyRun(options).Train(stopper).message(),
      fmt::format("stopped; epochs 1 to 2 are in {}/{}, nothing is lost; --resume=auto goes on with the validation",
                  options.ckpt_save_dir.string(), Numbered(2)));
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), ElementsAre(Numbered(2)));
}

// Ends the run before an epoch, in it, or as a checkpoint is written.
struct Ender : TrainObserver {
  Status OnEpochBegin(int begun) override { return at == "begin" && begun == epoch ? IoError("ended") : Status(); }
  Status OnStep(const StepEvent& e) override {
    return at == "step" && e.epoch == epoch && e.batch == 2 ? IoError("ended") : Status();
  }
  Status OnSaveBegin() override { return at == "save" ? IoError("ended") : Status(); }
  std::string at;
  int epoch = 3;
};

TEST(Trainer, WhatEndsARunBetweenEpochsCostsNoneOfThemAndEachErrorSaysWhatIsKept) {
  TrainerOptions options = TinyOptions(TestFolder(), 9);
  options.ckpt_save_interval = 50;
  const std::string folder = options.ckpt_save_dir.string() + "/";
  const auto end = [&](const char* at, int epoch, bool validate) {
    Ender ender;
    ender.at = at;
    ender.epoch = epoch;
    for (const std::string& file : FilesIn(folder)) std::filesystem::remove(folder + file);
    TinyRun run(options);
    run.validate = validate;
    return run.Train(ender).message();
  };
  const auto kept = [&](const std::string& name, const char* what) {
    return fmt::format("ended; epochs 1 to 2 are in {}{}, {}; --resume=auto goes on from there", folder, name, what);
  };
  EXPECT_EQ(end("begin", 3, false), kept(Numbered(2), "nothing is lost"));
  EXPECT_THAT(FilesIn(folder), ElementsAre(Numbered(2)));
  EXPECT_THAT(end("begin", 3, true), HasSubstr("epochs 1 to 2 are in"));
  EXPECT_EQ(end("begin", 1, false), "ended") << "there is nothing to lose";
  EXPECT_EQ(end("step", 3, false), "ended; no epoch is saved: what was trained is lost");
  options.ckpt_save_interval = 2;
  EXPECT_EQ(end("step", 3, false), kept(Numbered(2), "what came after them is lost"));
  EXPECT_EQ(end("save", 3, false), "ended; no epoch is saved: what was trained is lost");
  EXPECT_THAT(FilesIn(folder), IsEmpty());
}

TEST(Trainer, TheScheduleGoesByEpochsWhateverTheBatchesBefore) {
  for (const char* scheduler : {"cosine_decay", "one_cycle", "cyclic", "step_decay"})
    for (const int batch_size : {4, 6, 20}) {  // 5, 3, 1 batches an epoch
      TrainerOptions options = TinyOptions(TestFolder(), 4);
      options.schedule.schedule = &FindSchedule(scheduler);
      TrainerOptions other = options;
      options.schedule.epoch_size = 2;
      ASSERT_EQ(TinyRun(options).Train().message(), "");
      TinyRun next(other, TinyInfo(), {.batch_size = batch_size});
      ASSERT_EQ(
          next.trainer->Resume(*Checkpoint::Open(std::filesystem::path(options.ckpt_save_dir) / Numbered(2))).message(),
          "");
      Recorder recorder;
      ASSERT_EQ(next.Train(recorder).message(), "");
      Recorder whole;
      other.ckpt_save_dir = TestFolder();
      ASSERT_EQ(TinyRun(other, TinyInfo(), {.batch_size = batch_size}).Train(whole).message(), "");
      const int64_t batches = 20 / batch_size;
      ASSERT_EQ(recorder.steps.size(), 2u * batches);
      for (size_t i = 0; i < recorder.steps.size(); ++i)
        EXPECT_EQ(recorder.steps[i].lr, whole.steps[2 * batches + i].lr) << scheduler << ' ' << batch_size;
      EXPECT_EQ(recorder.epochs.back().step, 2 * 3 + 2 * batches) << "steps count what was done";
    }
}

TEST(Trainer, TheBestOfOtherConditionsOrWithoutItsFileStartsAnew) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  CheckpointInfo measured = TinyInfo();
  measured.measured =
      ValidationSetup{.val_split = "val", .images = 14, .tta_flip = false, .preprocessing = measured.preprocessing};
  const std::filesystem::path folder = options.ckpt_save_dir;
  ASSERT_EQ(TinyRun(options, measured).Train().message(), "");
  const Checkpoint checkpoint = std::move(*Checkpoint::Open(folder / Numbered(1)));
  ASSERT_TRUE(checkpoint.info().best_top1_percent.has_value());
  EXPECT_EQ(checkpoint.info().measured, measured.measured) << "it comes back from the file";
  const auto best_after = [&](const CheckpointInfo& here) { return FindBest(checkpoint, here, folder).top1_percent; };
  EXPECT_EQ(best_after(measured), checkpoint.info().best_top1_percent);
  EXPECT_EQ(best_after(TinyInfo()), checkpoint.info().best_top1_percent) << "a run that does not validate keeps it";
  CheckpointInfo flipped = measured;
  flipped.measured->tta_flip = true;
  EXPECT_EQ(best_after(flipped), std::nullopt);
  std::filesystem::remove(folder / Best());
  EXPECT_EQ(best_after(measured), std::nullopt);
}

// The error of going on with the checkpoint of another network.
Status ResumeFrom(const CheckpointInfo& there, CheckpointInfo here = TinyInfo()) {
  const std::filesystem::path folder = TestFolder();
  TinyRun run(TinyOptions(folder, 1), there);
  run.validate = false;
  EXPECT_EQ(run.Train().message(), "");
  const Result<Checkpoint> checkpoint = Checkpoint::Open(ListCheckpoints(folder, there.model).back().path);
  const auto trainer = Trainer::Create(OnThreads(), TinyOptions(folder, 2), std::move(here), TestOps());
  return (*trainer)->Resume(*checkpoint);
}

TEST(Trainer, ResumesNoOtherNetworkAndNamesWhatDiffers) {
  CheckpointInfo other = TinyInfo();
  other.model.conventions.shuffle_direction = ShuffleDirection::kPaper;
  other.model.bn_momentum = 0.8;
  const Status status = ResumeFrom(other);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("shuffle_direction"), HasSubstr("bn_momentum is 0.8 there and 0.5"),
                                      HasSubstr("--resume"), Not(HasSubstr("groups")), Not(HasSubstr("\n"))));
}

TEST(Trainer, ResumesNoOtherClasses) {
  CheckpointInfo here = TinyInfo();
  here.classes = {"bright", "dark"};
  const Status status = ResumeFrom(TinyInfo(), here);
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("2 (dark, bright) there and 2 (bright, dark) here"),
                                      HasSubstr("--ckpt_path"), Not(HasSubstr("\n"))));
}

TEST(Trainer, ResumesNoOtherStem) {
  CheckpointInfo here = TinyInfo();
  here.model.stem = Stem::kImagenet;
  EXPECT_FALSE(ResumeFrom(TinyInfo(), here).ok());
}

}  // namespace
}  // namespace riffle
