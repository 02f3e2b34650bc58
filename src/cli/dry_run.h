// `riffle train --dry_run`: what a run will do to the learning rate, and how long it will take.
#pragma once

#include <cstdint>
#include <string>

#include "cli/epoch_loaders.h"
#include "train/loop/trainer.h"

namespace riffle {

/// The steps of the run, and its learning rate as a curve of `width` columns.
std::string LearningRateCurve(const ScheduleOptions& options, int64_t steps_per_epoch, int width);

/// The pace of training on pictures of each size, of validation, and the time that the epochs which `trainer` has still
/// to train will take, from some seconds of each. `validation` may be null. REQUIRES: the trainer does not Run
/// afterwards. Errors: those of Trainer::Run.
Result<std::string> TimeNeeded(const TrainerOptions& options, Trainer& trainer, EpochLoaders& loaders,
                               BatchSource* validation);

}  // namespace riffle
