// For the tests of training: the smallest network and data that learn, and a run of them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "data/readers.h"
#include "data/test_support.h"
#include "model/zoo.h"
#include "ops/backends.h"
#include "train/trainer.h"

namespace riffle {

inline const OpTable<float>& TestOps() { return **FindBackend(""); }

/// A quarter of the width, two classes, pictures of 8 × 8 pixels.
inline ModelDescription TinyModel() {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.num_classes = 2;
  model.image_size = 8;
  model.stem = Stem::kSmall;
  model.bn_momentum = 0.5;  // a dozen steps are a run
  return model;
}

inline CheckpointInfo TinyInfo() {
  return {.model = TinyModel(),
          .preprocessing = DefaultPreprocessing(**FindDataset("cifar10"), 8, 3),
          .classes = {"dark", "bright"},
          .options = "lr: 0.1\n"};
}

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

/// REQUIRES: the options give batches.
inline std::unique_ptr<Loader> EvaluationLoader(const Dataset& data, int batch_size) {
  const Transform transform = *Transform::ForEvaluation(TinyInfo().preprocessing);
  return std::move(*Loader::Create(
      data, transform, {.batch_size = batch_size, .shuffle = false, .drop_remainder = false, .workers = 0}));
}

inline Options TinyOptions(const std::filesystem::path& folder, int epochs) {
  Options options;
  options.epoch_size = epochs;
  options.batch_size = 6;
  options.opt = "momentum";
  options.lr = 0.003;
  options.warmup_epochs = 1;
  options.decay_epochs = 3;  // whatever epoch_size is, so that a longer run begins as a shorter one
  options.ckpt_save_dir = folder.string();
  return options;
}

/// With an average, and updates of two batches.
inline Options AveragingOptions(const std::filesystem::path& folder, int epochs) {
  Options options = TinyOptions(folder, epochs);
  options.ema = true;
  options.ema_decay = 0.9;
  options.gradient_accumulation_steps = 2;
  options.clip_grad = true;
  options.clip_value = 0.1;
  return options;
}

/// Names as Save gives them; an epoch of 20 pictures is 3 batches of 6.
inline std::string Numbered(int epoch) { return CheckpointName(TinyModel(), epoch, 3 * epoch); }
inline std::string Best() { return BestCheckpointName(TinyModel()); }

/// Keeps what it is told.
struct Recorder : TrainObserver {
  Status OnStep(const StepEvent& e) override {
    steps.push_back(e);
    return {};
  }
  Status OnEpoch(const EpochEvent& e) override {
    epochs.push_back(e);
    return refusal;
  }
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  Status refusal;
};

/// A run of TinyData with its loaders.
struct TinyRun {
  explicit TinyRun(const Options& run_options, CheckpointInfo info = TinyInfo()) : options(run_options) {
    Augmentation augmentation = DefaultAugmentation(**FindDataset("cifar10"));
    augmentation.padding = 1;  // four pixels would be most of the picture
    const Transform transform = *Transform::ForTraining(info.preprocessing, augmentation);
    train_loader = std::move(
        *Loader::Create(*train, transform,
                        {.batch_size = options.batch_size, .seed = 5, .workers = 2, .end_epoch = options.epoch_size}));
    trainer = std::move(*Trainer::Create(options, std::move(info), TestOps()));
  }
  Status Train(TrainObserver& observer) {
    return trainer->Run({train_at, validate ? validation_loader.get() : nullptr}, observer);
  }
  Status Train() {
    TrainObserver silent;
    return Train(silent);
  }

  Options options;
  bool validate = true;
  std::unique_ptr<Dataset> train = TinyData(20, 1), validation = TinyData(14, 2);
  std::unique_ptr<Loader> train_loader, validation_loader = EvaluationLoader(*validation, 4);
  std::function<Result<Loader*>(int)> train_at = [this](int) -> Result<Loader*> { return train_loader.get(); };
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
