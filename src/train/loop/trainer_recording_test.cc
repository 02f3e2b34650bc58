// Steps that are recorded: a device that records trains to the bits of one that does not.
#include <gmock/gmock.h>

#include "ops/testing/guarded_ops.h"
#include "train/testing.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// Its memory stays open: that nothing but ops touches it, trainer_test.cc sees.
class RecordingDevice : public GuardedDevice {
 public:
  using GuardedDevice::GuardedDevice;

 private:
  const Opening open_{*this};
};

/// A run of 20 pictures in batches of 6 and a last one of 2, on this device.
std::unique_ptr<TinyRun> RunOn(GuardedDevice& device, const TrainerOptions& options) {
  auto run = std::make_unique<TinyRun>(options, TinyInfo(), TinyMachine{.drop_remainder = false});
  run->trainer = std::move(*Trainer::Create({OnThreads(2).pool, device}, options, TinyInfo(), GuardedOps()));
  return run;
}

class RecordedSteps : public testing::Test {
 protected:
  /// What a run of these options leaves, of four epochs, on a device that records or on one that does not. In parts: it
  /// is resumed after its third epoch.
  std::map<std::string, std::vector<float>> Trained(TrainerOptions options, bool records, bool in_parts = false) {
    options.ckpt_save_dir = folder_ / std::to_string(runs_++);
    fs::create_directories(options.ckpt_save_dir);
    RecordingDevice device(records);
    const auto train = [&](int epochs, bool resumes) {
      options.schedule.epoch_size = epochs;
      const std::unique_ptr<TinyRun> run = RunOn(device, options);
      if (resumes) {
        const std::vector<CheckpointFile> files = ListCheckpoints(options.ckpt_save_dir, TinyModel());
        EXPECT_EQ(run->trainer->Resume(*Checkpoint::Open(files.back().path)).message(), "");
      }
      Recorder recorder;
      EXPECT_EQ(run->Train(recorder).message(), "");
      for (const StepLoss& loss : recorder.losses) losses_[records].push_back(loss.batch);
    };
    if (in_parts) train(3, false);
    train(4, in_parts);
    replays_ = device.replays();
    recordings_ = device.recordings();
    return TensorsOf(ListCheckpoints(options.ckpt_save_dir, TinyModel()).back().path);
  }

  void ExpectSameBits(const TrainerOptions& options) {
    losses_.clear();
    const auto expected = Trained(options, false);
    EXPECT_EQ(replays_, 0);
    EXPECT_EQ(Trained(options, true), expected);
    EXPECT_EQ(losses_[true], losses_[false]);
    EXPECT_GT(replays_, 8);
    EXPECT_EQ(Trained(options, true, true), expected) << "resumed";
  }

  const fs::path folder_ = TestFolder();
  int runs_ = 0, replays_ = 0, recordings_ = 0;
  std::map<bool, std::vector<double>> losses_;
};

TEST_F(RecordedSteps, HaveTheBitsOfThoseThatAreNotWithEachRuleAndItsTime) {
  for (const char* rule : {"adam", "nadam", "lamb"}) {
    SCOPED_TRACE(rule);
    TrainerOptions options = TinyOptions({}, 4);
    options.optimizer.rule = &FindUpdateRule(rule);
    ExpectSameBits(options);
  }
}

TEST_F(RecordedSteps, HaveTheBitsOfThoseThatAreNotWithAverageClippingAccumulationAndMixing) {
  TrainerOptions options = AveragingOptions({}, 4);
  options.objective.mix = {.mixup = 0.2, .cutmix = 1, .cutmix_prob = 0.5};
  options.objective.label.label_smoothing = 0.1;
  options.bn_recalibration = 2;
  ExpectSameBits(options);
}

TEST_F(RecordedSteps, AreOneRecordingForEachSizeOfABatch) {
  TrainerOptions options = TinyOptions({}, 4);
  Trained(options, true);
  // Steps: batches of 6 and of 2; validation, of a session: batches of 4 and of 2 after weights that change.
  const int of_steps = 2, of_sessions = recordings_ - of_steps;
  EXPECT_LE(of_sessions, 4);
  EXPECT_GE(replays_, (12 - 1) + (4 - 1)) << "all steps but the first of each size";
}

TEST_F(RecordedSteps, WaitForTheHostWhereStepsMayBeLeftOut) {
  TrainerOptions options = TinyOptions({}, 4);
  options.on_nan = OnNan::kSkip;
  const auto expected = Trained(options, false);
  EXPECT_EQ(Trained(options, true), expected);
}

// The pictures' size changes between epochs, and the recordings with it.
TEST_F(RecordedSteps, AreMadeAnewForPicturesOfAnotherSize) {
  const auto trained = [&](bool records) {
    TrainerOptions options = TinyOptions(folder_ / (records ? "recorded" : "plain"), 4);
    fs::create_directories(options.ckpt_save_dir);
    RecordingDevice device(records);
    const std::unique_ptr<TinyRun> run = RunOn(device, options);
    run->validate = false;
    std::map<int, std::unique_ptr<Loader>> loaders;
    const std::unique_ptr<Dataset> data = TinyData(20, 1);
    for (const int size : {8, 16}) loaders[size] = EvaluationLoader(*data, 6, InfoOfSize(size));
    run->train_at = [&](int epoch) -> Result<BatchSource*> { return loaders[epoch / 2 % 2 == 0 ? 8 : 16].get(); };
    EXPECT_EQ(run->Train().message(), "");
    EXPECT_EQ(device.replays() > 0, records);
    return TensorsOf(ListCheckpoints(options.ckpt_save_dir, TinyModel()).back().path);
  };
  EXPECT_EQ(trained(true), trained(false));
}

}  // namespace
}  // namespace riffle
