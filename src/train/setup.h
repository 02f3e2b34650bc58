// From options to what a run works with: data sets, transforms, loaders, the description of the network.
#pragma once

#include <memory>

#include "data/loader.h"
#include "train/checkpoint.h"
#include "train/options.h"

namespace riffle {

/// What evaluation does to the pictures: the data set's own statistics and crop, or those that the user set.
Result<Preprocessing> PreprocessingFromOptions(const Settings& settings, const DatasetInfo& info);
/// What training does to them at random, likewise.
Augmentation AugmentationFromOptions(const Settings& settings, const DatasetInfo& info);

/// The data and the network of a training run.
struct TrainingSetup {
  std::unique_ptr<Dataset> train_data, validation_data;  ///< validation: null unless val_while_train
  std::unique_ptr<Loader> train, validation;
  CheckpointInfo info;
};

/// Opens the data sets and describes the network for them. `settings` gets what was left open: in_channels from the
/// data set, and all that ResolveAutomatic resolves. Errors: those of OpenDataset, Loader::Create, ModelFromOptions;
/// fewer num_classes than classes.
Result<TrainingSetup> SetUpTraining(Settings& settings);

/// The data of an evaluation with a network that is already there: its channels, its classes and its preprocessing,
/// except for what the user set.
struct EvaluationSetup {
  std::unique_ptr<Dataset> data;
  std::unique_ptr<Loader> loader;
};
Result<EvaluationSetup> SetUpEvaluation(const Settings& settings, const CheckpointInfo& info);

}  // namespace riffle
