// The learning rate as a function of the step: a position, not a history, so that a resumed run goes on as if it had
// never stopped.
#pragma once

#include <cstdint>

#include "train/options.h"

namespace riffle {

/// The rate of step `step` (from 0) of a run with `steps_per_epoch` steps. With e = step / steps_per_epoch, or its
/// floor if lr_epoch_stair is set, W = warmup_epochs, f = warmup_factor:
///   warm-up, e < W:  lr·(f + (1 − f)·e / W)
///   constant:        lr
///   cosine_decay:    min_lr + ½·(lr − min_lr)·(1 + cos(π·min(e − W, D) / D)),  D = decay_epochs
/// REQUIRES: decay_epochs is set (ResolveAutomatic).
double LearningRate(const Options& options, int64_t step, int64_t steps_per_epoch);

}  // namespace riffle
