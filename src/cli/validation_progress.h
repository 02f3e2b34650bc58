// How far a validation is, the same in `riffle train` and `riffle validate`.
#pragma once

#include "report/progress.h"
#include "train/loop/evaluate.h"

namespace riffle {

/// Made before the first batch, since its speed counts from there.
class ValidationProgress {
 public:
  ValidationProgress(Log& log, int log_interval) : log_(log), progress_(log, log_interval) {}

  /// Names the pictures that are used though something is wrong with them, too.
  void Report(const Evaluation& so_far, int64_t batch, int64_t batches) {
    for (; told_ < so_far.flawed.size(); ++told_) log_.Line(so_far.flawed[told_]);
    progress_.Report({.batch = batch,
                      .batches = batches,
                      .loss = so_far.loss(),
                      .images = so_far.images,
                      .waiting_seconds = so_far.waiting_seconds});
  }

 private:
  Log& log_;
  size_t told_ = 0;  // of the flawed pictures
  Progress progress_;
};

}  // namespace riffle
