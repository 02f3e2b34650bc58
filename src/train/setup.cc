#include "train/setup.h"

namespace riffle {
namespace {

Result<std::unique_ptr<Dataset>> OpenSplit(const Options& options, const std::string& split, int channels,
                                           int64_t num_samples, std::vector<std::string> classes) {
  return OpenDataset({.name = options.dataset,
                      .data_dir = options.data_dir,
                      .split = split,
                      .channels = channels,
                      .num_samples = num_samples,
                      .seed = static_cast<uint64_t>(options.seed),
                      .classes = std::move(classes)});
}

Result<std::unique_ptr<Loader>> ValidationLoader(const Options& options, const Dataset& data,
                                                 const Preprocessing& preprocessing) {
  RIFFLE_ASSIGN(const Transform transform, Transform::ForEvaluation(preprocessing));
  return Loader::Create(data, transform,
                        {.batch_size = options.batch_size,
                         .shuffle = false,
                         .drop_remainder = false,
                         .workers = options.num_parallel_workers,
                         .end_epoch = 1});
}

Result<std::unique_ptr<Loader>> TrainLoader(const Settings& settings, const DatasetInfo& dataset, const Dataset& data,
                                            const Preprocessing& preprocessing) {
  const Options& options = settings.options;
  RIFFLE_ASSIGN(const Transform transform,
                Transform::ForTraining(preprocessing, AugmentationFromOptions(settings, dataset)));
  return Loader::Create(data, transform,
                        {.batch_size = options.batch_size,
                         .shuffle = options.shuffle,
                         .drop_remainder = options.drop_remainder,
                         .seed = static_cast<uint64_t>(options.seed),
                         .workers = options.num_parallel_workers,
                         .end_epoch = options.epoch_size});
}

}  // namespace

Result<Preprocessing> PreprocessingFromOptions(const Settings& settings, const DatasetInfo& info) {
  const Options& options = settings.options;
  Preprocessing preprocessing = DefaultPreprocessing(info, options.image_resize, options.in_channels);
  if (settings.IsSet("mean")) preprocessing.mean.assign(options.mean.begin(), options.mean.end());
  if (settings.IsSet("std")) preprocessing.std.assign(options.std.begin(), options.std.end());
  if (settings.IsSet("crop_pct")) preprocessing.crop_pct = options.crop_pct;
  RIFFLE_ASSIGN(preprocessing.interpolation, ParseInterpolation(options.interpolation));
  RIFFLE_TRY(Check(preprocessing));
  return preprocessing;
}

Augmentation AugmentationFromOptions(const Settings& settings, const DatasetInfo& info) {
  Augmentation augmentation = DefaultAugmentation(info);
  augmentation.scale = settings.options.scale;
  augmentation.ratio = settings.options.ratio;
  if (settings.IsSet("hflip")) augmentation.hflip = settings.options.hflip;
  augmentation.vflip = settings.options.vflip;
  return augmentation;
}

Result<TrainingSetup> SetUpTraining(Settings& settings) {
  Options& options = settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* dataset, FindDataset(options.dataset));
  if (!settings.IsSet("in_channels")) options.in_channels = dataset->channels;
  ResolveAutomatic(options);

  TrainingSetup setup;
  RIFFLE_ASSIGN(setup.info.preprocessing, PreprocessingFromOptions(settings, *dataset));
  RIFFLE_ASSIGN(setup.train_data,
                OpenSplit(options, options.train_split, options.in_channels, options.num_samples.value_or(0), {}));
  setup.info.classes = setup.train_data->classes();
  const int data_classes = static_cast<int>(setup.info.classes.size());
  RIFFLE_ASSIGN(setup.info.model, ModelFromOptions(options, data_classes));
  if (setup.info.model.num_classes < data_classes)
    return InvalidArgument("num_classes is {}, but {} has {} classes", setup.info.model.num_classes, options.dataset,
                           data_classes);
  while (static_cast<int>(setup.info.classes.size()) < setup.info.model.num_classes)
    setup.info.classes.push_back(fmt::format("unused {}", setup.info.classes.size()));
  RIFFLE_ASSIGN(setup.train, TrainLoader(settings, *dataset, *setup.train_data, setup.info.preprocessing));
  if (options.val_while_train) {
    RIFFLE_ASSIGN(setup.validation_data,
                  OpenSplit(options, options.val_split, options.in_channels, 0, setup.train_data->classes()));
    RIFFLE_ASSIGN(setup.validation, ValidationLoader(options, *setup.validation_data, setup.info.preprocessing));
  }
  setup.info.options = ToYaml(options);
  return setup;
}

Result<EvaluationSetup> SetUpEvaluation(const Settings& settings, const CheckpointInfo& info) {
  Options options = settings.options;
  ResolveAutomatic(options);
  Preprocessing preprocessing = info.preprocessing;
  if (settings.IsSet("image_resize")) preprocessing.image_size = options.image_resize;
  if (settings.IsSet("crop_pct")) preprocessing.crop_pct = options.crop_pct;
  if (settings.IsSet("mean")) preprocessing.mean.assign(options.mean.begin(), options.mean.end());
  if (settings.IsSet("std")) preprocessing.std.assign(options.std.begin(), options.std.end());
  if (settings.IsSet("interpolation")) {
    RIFFLE_ASSIGN(preprocessing.interpolation, ParseInterpolation(options.interpolation));
  }
  RIFFLE_TRY(Check(preprocessing));

  EvaluationSetup setup;
  RIFFLE_ASSIGN(setup.data, OpenSplit(options, options.val_split, info.model.in_channels,
                                      options.num_samples.value_or(0), info.classes));
  RIFFLE_ASSIGN(setup.loader, ValidationLoader(options, *setup.data, preprocessing));
  return setup;
}

}  // namespace riffle
