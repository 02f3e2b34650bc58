// From the options of a run to what training takes: names become rows of tables and enums, once.
#pragma once

#include "base/status.h"
#include "settings/settings.h"
#include "train/loop/trainer.h"

namespace riffle {

/// REQUIRES of all: the options went through CheckTogether and ResolveAutomatic.

/// With the rates that so many processes take.
ScheduleOptions ScheduleOptionsFrom(const Options& options, int processes = 1);

Retention RetentionFrom(const Options& options);

/// InvalidArgument for class_weights that are not those of `classes` classes, among others for 'balanced', which stands
/// for BalancedClassWeights of the data.
Result<LabelLossOptions> LabelLossOptionsFrom(const Options& options, int classes);
Result<TrainerOptions> TrainerOptionsFrom(const Options& options, int classes, int processes = 1);

}  // namespace riffle
