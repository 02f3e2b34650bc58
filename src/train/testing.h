// For the tests of training: the smallest network and data that learn, and a run of them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backend/testing/execution.h"
#include "base/file.h"
#include "checkpoint/testing/tiny.h"
#include "data/loader.h"
#include "data/readers.h"
#include "ops/backends.h"
#include "picture/testing/pictures.h"
#include "train/loop/trainer.h"

namespace riffle {

inline const OpTable<float>& TestOps() { return **FindBackend(""); }

/// Noise: dark for class 0, bright for class 1.
inline std::unique_ptr<Dataset> TinyData(int images, uint32_t number = 0) {
  RandomStream random(3, RandomPurpose::kTest, 0, number);
  std::vector<int32_t> labels;
  std::vector<uint8_t> pixels;
  for (int i = 0; i < images; ++i) {
    labels.push_back(i % 2);
    for (int k = 0; k < 8 * 8 * 3; ++k) pixels.push_back(static_cast<uint8_t>(random.Below(156) + 100 * (i % 2)));
  }
  return std::make_unique<MemoryDataset>("tiny", std::vector<std::string>{"dark", "bright"}, std::move(labels),
                                         PictureView{nullptr, 8, 8, 3, 8 * 3}, std::move(pixels));
}

/// The pictures of another data set, of which some cannot be read.
class DamagedData : public Dataset {
 public:
  DamagedData(std::unique_ptr<Dataset> whole, std::set<int64_t> broken)
      : whole_(std::move(whole)), broken_(std::move(broken)) {
    classes_ = whole_->classes();
    for (int64_t i = 0; i < whole_->size(); ++i) labels_.push_back(whole_->label(i));
  }
  std::string NameOf(int64_t i) const override { return fmt::format("picture {}", i); }
  Result<PictureView> Read(int64_t i, Picture& scratch) const override {
    if (broken_.contains(i)) return DataLoss("picture {} is broken", i);
    return whole_->Read(i, scratch);
  }

 private:
  const std::unique_ptr<Dataset> whole_;
  const std::set<int64_t> broken_;
};

/// TinyInfo for pictures of size × size pixels.
inline CheckpointInfo InfoOfSize(int size) {
  CheckpointInfo info = TinyInfo();
  info.model.image_size = info.preprocessing.image_size = size;
  return info;
}

/// REQUIRES: the options give batches.
inline std::unique_ptr<Loader> EvaluationLoader(const Dataset& data, int batch_size,
                                                const CheckpointInfo& info = TinyInfo(),
                                                const Communicator& world = ThisProcess(),
                                                Device& device = CpuDevice()) {
  const Transform transform = *Transform::ForEvaluation(info.preprocessing);
  return std::move(*Loader::Create(data, transform,
                                   {.batch_size = batch_size,
                                    .ranks = world.size(),
                                    .rank = world.rank(),
                                    .shuffle = false,
                                    .drop_remainder = false,
                                    .workers = 0,
                                    .device = &device}));
}

/// One epoch of batches that a test has made; for each, how long Next() says to have waited for it.
class GivenBatches : public BatchSource {
 public:
  explicit GivenBatches(std::vector<Batch> batches, std::vector<double> waits = {})
      : batches_(std::move(batches)), waits_(std::move(waits)) {
    waits_.resize(batches_.size());
  }
  int64_t BatchesPerEpoch() const override { return static_cast<int64_t>(batches_.size()); }
  int64_t ImagesPerEpoch() const override {
    int64_t images = 0;
    for (const Batch& batch : batches_) images += batch.samples();
    return images;
  }
  int image_size() const override { return batches_.front().image_size; }
  void Seek(LoaderPosition position) override {
    next_ = static_cast<size_t>(position.epoch) * batches_.size() + static_cast<size_t>(position.batch);
  }
  Result<const Batch*> Next() override {
    if (next_ >= batches_.size()) return nullptr;
    waited_seconds_ += waits_[next_];
    return &batches_[next_++];
  }
  double WaitedSeconds() const override { return waited_seconds_; }

 private:
  std::vector<Batch> batches_;
  std::vector<double> waits_;
  size_t next_ = 0;
  double waited_seconds_ = 0;
};

inline TrainerOptions TinyOptions(const std::filesystem::path& folder, int epochs) {
  return {.schedule = {.epoch_size = epochs,
                       .lr = 0.003,
                       .warmup_epochs = 1,
                       .decay_epochs = 3},  // whatever epoch_size is, so that a longer run begins as a shorter one
          .optimizer = {.rule = &FindUpdateRule("momentum")},
          .ckpt_save_dir = folder};
}

/// With an average, and updates of two batches.
inline TrainerOptions AveragingOptions(const std::filesystem::path& folder, int epochs) {
  TrainerOptions options = TinyOptions(folder, epochs);
  options.ema_decay = 0.9;
  options.gradient_accumulation_steps = 2;
  options.clip_norm = 0.1;
  return options;
}

/// Names as Save gives them; an epoch of 20 pictures is 3 batches of 6.
inline std::string Numbered(int epoch) { return CheckpointName(TinyModel(), epoch, 3 * epoch); }
inline std::string Best() { return BestCheckpointName(TinyModel()); }

/// Keeps what it is told, and asks for every loss.
struct Recorder : TrainObserver {
  Status OnStep(const StepEvent& e) override {
    steps.push_back(e);
    RIFFLE_ASSIGN(const StepLoss loss, e.read_loss());
    losses.push_back(loss);
    return {};
  }
  Status OnEpoch(const EpochEvent& e) override {
    epochs.push_back(e);
    return refusal;
  }
  std::vector<StepEvent> steps;
  std::vector<StepLoss> losses;
  std::vector<EpochEvent> epochs;
  Status refusal;
};

/// What a run takes beside its options.
struct TinyMachine {
  int batch_size = 6;
  int threads = DefaultThreads();
  Communicator& world = ThisProcess();
  bool drop_remainder = true;
  Device& device = CpuDevice();  ///< of the batches
  int64_t kept_bytes = 0;        ///< of the training pictures there
};

/// A run of TinyData.
struct TinyRun {
  explicit TinyRun(const TrainerOptions& run_options, CheckpointInfo info = TinyInfo(), TinyMachine machine = {})
      : options(run_options), pool(machine.threads) {
    Augmentation augmentation = DefaultAugmentation(**FindDataset("cifar10"));
    augmentation.padding = 1;  // four pixels would be most of the picture
    const Transform transform = *Transform::ForTraining(info.preprocessing, augmentation);
    train_loader = std::move(*Loader::Create(*train, transform,
                                             {.batch_size = machine.batch_size,
                                              .ranks = machine.world.size(),
                                              .rank = machine.world.rank(),
                                              .drop_remainder = machine.drop_remainder,
                                              .seed = 5,
                                              .workers = 2,
                                              .end_epoch = options.epochs(),
                                              .device = &machine.device,
                                              .kept_bytes = machine.kept_bytes}));
    validation_loader = EvaluationLoader(*validation, 4, info, machine.world, machine.device);
    trainer = std::move(*Trainer::Create({pool}, options, std::move(info), TestOps(), machine.world));
  }
  Status Train(TrainObserver& observer) {
    return trainer->Run({train_at, validate ? validation_loader.get() : nullptr}, observer);
  }
  Status Train() {
    TrainObserver silent;
    return Train(silent);
  }

  TrainerOptions options;
  ThreadPool pool;
  bool validate = true;
  std::unique_ptr<Dataset> train = TinyData(20, 1), validation = TinyData(14, 2);
  std::unique_ptr<Loader> train_loader, validation_loader;
  std::function<Result<BatchSource*>(int)> train_at = [this](int) -> Result<BatchSource*> {
    return train_loader.get();
  };
  std::unique_ptr<Trainer> trainer;
};

/// All tensors of a checkpoint, by name.
inline std::map<std::string, std::vector<float>> TensorsOf(const std::filesystem::path& path) {
  const Result<SafetensorsFile> file = SafetensorsFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status().message();
  std::map<std::string, std::vector<float>> tensors;
  for (const TensorView& tensor : file->tensors()) tensors[std::string(tensor.name)] = *Values<float>(tensor);
  return tensors;
}

/// Names of the files in a folder, sorted.
inline std::vector<std::string> FilesIn(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

}  // namespace riffle
