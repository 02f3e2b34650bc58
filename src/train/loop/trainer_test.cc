// The training loop: it learns, tells what it does, and what is broken reaches no checkpoint.
#include "train/loop/trainer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include "backend/testing/execution.h"
#include "backend/testing/failing_device.h"
#include "model/initialise.h"
#include "ops/testing/guarded_ops.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(Trainer, AClassNameThatNoCheckpointCanHoldIsRefusedBeforeAnEpochIsSpent) {
  CheckpointInfo info = TinyInfo();
  info.classes[1] = "caf\xe9";
  EXPECT_FALSE(Trainer::Create(OnThreads(), TrainerOptions(), info, TestOps()).ok());
}

TEST(Trainer, LearnsAndTellsWhatItDoes) {
  TinyRun run(TinyOptions(TestFolder(), 4));
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  ASSERT_EQ(recorder.epochs.size(), 4u);
  ASSERT_EQ(recorder.steps.size(), 12u);
  EXPECT_LT(recorder.epochs[3].train_loss, 0.85 * recorder.epochs[0].train_loss);
  EXPECT_EQ(recorder.epochs[3].validation->images, 14);
  EXPECT_GE(recorder.epochs[3].validation->top1, 12);
  EXPECT_EQ(recorder.epochs[3].step, 12);
  EXPECT_EQ(recorder.epochs[1].images, 18) << "the remainder of 20 pictures is dropped";
  const double mean = (recorder.losses[3].batch + recorder.losses[4].batch + recorder.losses[5].batch) / 3;
  EXPECT_NEAR(recorder.epochs[1].train_loss, mean, 1e-12) << "the loss of an epoch is its mean";
  EXPECT_EQ(recorder.losses[5].epoch, recorder.epochs[1].train_loss);
  EXPECT_EQ(recorder.steps[0].lr, 0) << "warm-up begins at the factor 0";
  EXPECT_EQ(recorder.steps[3].lr, 0.003) << "and is over after an epoch";
}

TEST(Trainer, TellsEpochsAndValidationsInTheirOrder) {
  struct Story : TrainObserver {
    Status OnEpochBegin(int epoch) override {
      text += fmt::format("epoch {}:", epoch);
      return {};
    }
    Status OnStep(const StepEvent& e) override {
      text += fmt::format(" {}/{}", e.batch, e.batches);
      return {};
    }
    void OnValidationBegin() override { text += " validation:"; }
    Status OnValidation(const Evaluation& so_far, int64_t batch, int64_t batches) override {
      text += fmt::format(" {}/{} ({})", batch, batches, so_far.images);
      return {};
    }
    Status OnEpoch(const EpochEvent&) override {
      text += "\n";
      return {};
    }
    std::string text;
  } story;
  TrainerOptions options = TinyOptions(TestFolder(), 3);
  options.val_interval = 2;
  ASSERT_EQ(TinyRun(options).Train(story).message(), "");
  EXPECT_EQ(story.text,
            "epoch 1: 1/3 2/3 3/3\n"
            "epoch 2: 1/3 2/3 3/3 validation: 1/4 (4) 2/4 (8) 3/4 (12) 4/4 (14)\n"
            "epoch 3: 1/3 2/3 3/3 validation: 1/4 (4) 2/4 (8) 3/4 (12) 4/4 (14)\n");
}

TEST(Trainer, TheNumberOfThreadsChangesNoBit) {
  const std::filesystem::path folder = TestFolder();
  std::vector<std::vector<uint8_t>> files;
  for (const int threads : {1, 2, 3}) {
    ASSERT_EQ(TinyRun(TinyOptions(folder, 2), TinyInfo(), {.threads = threads}).Train().message(), "");
    files.push_back(ReadBytes(folder / Numbered(2)));
  }
  EXPECT_EQ(files[0], files[1]);
  EXPECT_EQ(files[0], files[2]);
}

TEST(Trainer, KeepsTheLatestCheckpointsAndTheBest) {
  TrainerOptions options = TinyOptions(TestFolder(), 4);
  options.retention.keep = 2;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), ElementsAre(Numbered(3), Numbered(4), Best()));
}

TEST(Trainer, TheBestCheckpointsStayUnderTopK) {
  TrainerOptions options = TinyOptions(TestFolder(), 4);
  options.retention.policy = RetentionPolicy::kBest;
  options.retention.keep = 1;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  int best = 1;
  for (const EpochEvent& e : recorder.epochs)
    if (e.best) best = e.epoch;
  std::vector<std::string> expected = {Best(), Numbered(best)};
  if (best != 4) expected.push_back(Numbered(4));
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), testing::UnorderedElementsAreArray(expected));
}

TEST(Trainer, SavesAtTheIntervalAndAfterTheLastEpoch) {
  TrainerOptions options = TinyOptions(TestFolder(), 5);
  options.ckpt_save_interval = 2;
  TinyRun run(options);
  run.validate = false;
  ASSERT_EQ(run.Train().message(), "");
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), ElementsAre(Numbered(2), Numbered(4), Numbered(5)));
}

TEST(Trainer, ValidatesAtTheIntervalAndAfterTheLastEpoch) {
  TrainerOptions options = TinyOptions(TestFolder(), 5);
  options.val_interval = 2;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  std::vector<bool> validated;
  for (const EpochEvent& e : recorder.epochs) validated.push_back(e.validation.has_value());
  EXPECT_THAT(validated, ElementsAre(false, true, false, true, true));
}

TEST(Trainer, TheBestCheckpointIsTheFirstOfTheBestEpoch) {
  TrainerOptions options = TinyOptions(TestFolder(), 4);
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  int best_epoch = 0;
  double best = -1;
  for (const EpochEvent& e : recorder.epochs) {
    EXPECT_EQ(e.best, e.validation->top1_percent() > best);
    if (e.best) best_epoch = e.epoch;
    best = std::max(best, e.validation->top1_percent());
  }
  const std::filesystem::path folder = options.ckpt_save_dir;
  EXPECT_EQ(ReadBytes(folder / Best()), ReadBytes(folder / Numbered(best_epoch)));
  EXPECT_EQ(Checkpoint::Open(folder / Best())->info().best_top1_percent, best);
}

TEST(Trainer, AnEpochThatIsNotRecordedIsNotSavedAsFinished) {
  TrainerOptions options = TinyOptions(TestFolder(), 2);
  TinyRun run(options);
  run.validate = false;
  Recorder recorder;
  recorder.refusal = IoError("the disk is full");
  EXPECT_EQ(run.Train(recorder).message(), "the disk is full; no epoch is saved: what was trained is lost");
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), IsEmpty());
}

TEST(Trainer, ALossThatIsNotFiniteEndsTheRunAndLeavesCheckpointsAlone) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  const std::filesystem::path folder = options.ckpt_save_dir;
  const std::vector<std::string> names = FilesIn(folder);
  const std::vector<uint8_t> bytes = ReadBytes(folder / Numbered(1));
  options.schedule.epoch_size = 3;
  options.schedule.lr = 1e30;
  TinyRun run(options);
  ASSERT_EQ(run.trainer->Resume(*Checkpoint::Open(folder / Numbered(1))).message(), "");
  const Status status = run.Train();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), AllOf(HasSubstr("not a finite number at step 5"), HasSubstr("lower --lr")));
  EXPECT_EQ(FilesIn(folder), names);
  EXPECT_EQ(ReadBytes(folder / Numbered(1)), bytes);
}

TEST(Trainer, LossesThatNobodyAsksForAreThoseOfTheEpochToTheLastBit) {
  Recorder asking;
  struct Silent : TrainObserver {
    Status OnEpoch(const EpochEvent& e) override {
      losses.push_back(e.train_loss);
      return {};
    }
    std::vector<double> losses;
  } silent;
  TrainerOptions options = TinyOptions(TestFolder(), 2);
  const TinyMachine one_picture = {.batch_size = 1};  // 20 batches: more than are left unread
  ASSERT_EQ(TinyRun(options, TinyInfo(), one_picture).Train(asking).message(), "");
  ASSERT_EQ(TinyRun(options, TinyInfo(), one_picture).Train(silent).message(), "");
  EXPECT_THAT(silent.losses, ElementsAre(asking.epochs[0].train_loss, asking.epochs[1].train_loss));
}

TEST(Trainer, ALossThatIsNotFiniteIsToldToWhoAsksForItFirst) {
  struct AsksLate : TrainObserver {
    Status OnStep(const StepEvent& e) override {
      steps = e.batch;
      return e.batch < 4 ? Status() : e.read_loss().status();
    }
    int64_t steps = 0;
  } observer;
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.schedule.warmup_epochs = 0;
  options.schedule.lr = 1e30;
  const Status status = TinyRun(options, TinyInfo(), {.batch_size = 2}).Train(observer);
  EXPECT_THAT(status.message(), HasSubstr("not a finite number at step 2 (learning rate 9.97"));
  EXPECT_EQ(observer.steps, 4);
}

TEST(Trainer, ParametersThatOverflowInTheLastStepReachNoCheckpoint) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.schedule.warmup_epochs = 0;
  options.schedule.lr = 3e38;
  options.optimizer.momentum = 0;
  options.optimizer.policy.weight_decay = 1e3;
  TinyRun run(options, TinyInfo(), {.batch_size = 20});  // one step, of a finite loss
  const Status status = run.Train();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("the parameters are not finite numbers after step 1"));
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), IsEmpty());
}

// On memory that the host cannot touch, to the same bits: all that a run can do.
TEST(Trainer, ReadsAndWritesItsDeviceByOpsAndTransfersAlone) {
  const std::filesystem::path folder = TestFolder(), plain = folder / "plain", guarded = folder / "guarded";
  for (const auto& part : {plain, guarded}) std::filesystem::create_directories(part);
  ASSERT_EQ(TinyRun(TinyOptions(folder, 1)).Train().message(), "");
  for (const auto& [rule, kept_bytes] : {std::pair("momentum", 0), {"lamb", 1 << 20}}) {
    const auto options_in = [&](const std::filesystem::path& part) {
      TrainerOptions options = AveragingOptions(part, 2);
      options.optimizer.rule = &FindUpdateRule(rule);
      options.objective.teacher_ckpt = folder / Numbered(1);
      options.objective.mix = {.mixup = 0.2, .cutmix = 1};
      options.objective.label.class_weights = {1, 2};
      options.bn_recalibration = 2;
      options.tta_flip = true;
      return options;
    };
    ASSERT_EQ(TinyRun(options_in(plain)).Train().message(), "");
    GuardedDevice device;  // makes the pictures, too
    TinyRun run(options_in(guarded), TinyInfo(), {.device = device, .kept_bytes = kept_bytes});
    run.trainer = std::move(*Trainer::Create({OnThreads(2).pool, device}, run.options, TinyInfo(), GuardedOps()));
    ASSERT_EQ(run.Train().message(), "");
    EXPECT_EQ(TensorsOf(guarded / Numbered(2)), TensorsOf(plain / Numbered(2))) << rule;
  }
}

// Fails in the second step of a run that saves after each.
struct FailsInTheSecondStep : TrainObserver {
  explicit FailsInTheSecondStep(FailingDevice& failing) : device(failing) {}
  Status OnStep(const StepEvent& e) override {
    if (e.batch == 2) device.health = Unavailable("the device failed");
    return {};
  }
  FailingDevice& device;
};

TEST(Trainer, ADeviceThatFailsEndsTheRunAndNothingOfItIsSavedSince) {
  for (const OnNan on_nan : {OnNan::kStop, OnNan::kSkip, OnNan::kRollback}) {
    TrainerOptions options = TinyOptions(TestFolder(), 2);
    options.ckpt_save_steps = 1;
    options.on_nan = on_nan;
    FailingDevice device;
    TinyRun run(options);
    run.trainer = std::move(*Trainer::Create({OnThreads(2).pool, device}, options, TinyInfo(), GuardedOps()));
    FailsInTheSecondStep observer(device);
    const Status status = run.Train(observer);
    EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(status.message(), StartsWith("the device failed"));
    EXPECT_THAT(FilesIn(options.ckpt_save_dir), ElementsAre(CheckpointName(TinyModel(), 0, 1)));
  }
}

TEST(Trainer, WhereADeviceHasNoMemoryForItThereIsNone) {
  FailingDevice device;
  device.most_bytes = 1000;
  EXPECT_THROW((void)Trainer::Create({OnThreads().pool, device}, TrainerOptions(), TinyInfo(), GuardedOps()),
               DeviceOutOfMemory);
}

TEST(Trainer, AFrozenBodyKeepsEveryBitAndTheHeadLearns) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.schedule.lr = 0.1;
  options.schedule.warmup_epochs = 0;
  const std::filesystem::path folder = options.ckpt_save_dir;
  options.schedule.epoch_size = 2;
  options.optimizer.policy.freezes_body = true;
  options.optimizer.policy.weight_decay = 0.1;
  options.retention.keep = 2;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  const auto first = TensorsOf(folder / Numbered(1)), second = TensorsOf(folder / Numbered(2));
  const Plan plan = *MakePlan(TinyModel());
  ParameterValues<float> initial(plan.registry);
  Initialise(plan, {.seed = options.seed, .zero_init_residual = true}, &initial);
  const auto values = [](const Parameter& p, const AlignedArray<float>& arena) {
    return std::vector<float>(arena.data() + p.offset, arena.data() + p.offset + p.size);
  };
  for (const Parameter& p : plan.registry.trainable()) {
    if (p.name == "head.weight") {
      EXPECT_NE(second.at(p.name), first.at(p.name));
    } else {
      EXPECT_EQ(second.at(p.name), values(p, initial.trainable)) << p.name;
    }
  }
  for (const Parameter& p : plan.registry.statistics())
    EXPECT_EQ(second.at(p.name), values(p, initial.statistics)) << p.name << " is left alone, too";

  // The loss of the first batch is the one that an evaluation finds: its batch norms use the running statistics.
  Session session(OnThreads(), plan, TestOps());
  session.SetWeights(initial);
  run.train_loader->Seek({});
  const Batch& batch = **run.train_loader->Next();
  std::vector<float> logits(2 * batch.images);
  session.Run(batch.images, batch.pixels, logits.data());
  double loss = 0;
  for (int n = 0; n < batch.images; ++n)
    loss += std::log1p(std::exp(logits[2 * n + 1 - batch.labels[n]] - logits[2 * n + batch.labels[n]]));
  EXPECT_NEAR(recorder.losses[0].batch, loss / batch.images, 1e-5);
}

}  // namespace
}  // namespace riffle
