// What a training run says before its first batch.
#pragma once

#include <cstdint>
#include <string>

#include "settings/settings.h"

namespace riffle {

struct RunFacts {
  int64_t train_images = 0;
  int64_t val_images = 0;  ///< 0: the run does not validate
  int num_classes = 0;
  int64_t batches_per_epoch = 0;
  int64_t parameters = 0;  ///< trainable
  int64_t memory_bytes = 0;
  int processes = 1;  ///< that train together
};

/// MindCV's "Essential Experiment Configurations:" and its lines `key: value`, then what is ours: conventions, stem,
/// threads, memory. REQUIRES: ResolveAutomatic(options) was called.
std::string EssentialConfigurations(const Options& options, const RunFacts& facts);

}  // namespace riffle
