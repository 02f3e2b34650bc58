// How far a validation is, the same in `riffle train` and `riffle validate`.
#pragma once

#include "report/progress.h"
#include "train/loop/evaluate.h"

namespace riffle {

/// Made before the first batch, since its speed counts from there.
class ValidationProgress {
 public:
  ValidationProgress(Log& log, int log_interval) : progress_(log, log_interval) {}

  void Report(const Evaluation& so_far, int64_t batch, int64_t batches) {
    progress_.Report({.batch = batch,
                      .batches = batches,
                      .loss = so_far.loss(),
                      .images = so_far.images,
                      .waiting_seconds = so_far.waiting_seconds});
  }

 private:
  Progress progress_;
};

}  // namespace riffle
