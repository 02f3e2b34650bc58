#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace riffle {

double LearningRate(const Options& options, int64_t step, int64_t steps_per_epoch) {
  double epoch = static_cast<double>(step) / static_cast<double>(steps_per_epoch);
  if (options.lr_epoch_stair) epoch = std::floor(epoch);
  const double warmup = options.warmup_epochs;
  if (epoch < warmup) return options.lr * (options.warmup_factor + (1 - options.warmup_factor) * epoch / warmup);
  if (options.scheduler == "constant") return options.lr;
  const double decay = *options.decay_epochs;
  const double done = std::min(epoch - warmup, decay) / decay;
  return options.min_lr + 0.5 * (options.lr - options.min_lr) * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace riffle
