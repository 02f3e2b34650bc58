// The figures of each epoch, in two files of the run's folder: metrics.jsonl for programs, result.log as MindCV writes
// it for people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/status.h"

namespace riffle {

struct ValidationMetrics {
  double top1_percent = 0;
  double top5_percent = 0;
  double loss = 0;
  double seconds = 0;
};

struct EpochMetrics {
  int epoch = 0;          ///< from 1
  int64_t step = 0;       ///< steps since the start of the run
  double lr = 0;          ///< of the epoch's last step
  double train_loss = 0;  ///< mean of the epoch
  double images_per_second = 0;
  double epoch_seconds = 0;  ///< of training, without the validation
  std::optional<ValidationMetrics> validation = std::nullopt;
};

/// Writes one row an epoch to both files and leaves them complete after each.
class MetricsLog {
 public:
  /// Starts the files in `folder`, or, if `resumed_epoch` is above 0, goes on after that epoch: rows of later epochs
  /// and rows cut short by a crash are dropped. Errors: IoError.
  static Result<MetricsLog> Open(const std::filesystem::path& folder, int resumed_epoch);

  /// Epochs whose rows were dropped: they lie behind the one that the run goes on after.
  int dropped() const { return dropped_; }

  /// Epochs up to that one whose rows are not there, in one of the files at least.
  int missing() const { return missing_; }

  /// Errors: IoError (a full disk).
  Status Append(const EpochMetrics& epoch);

 private:
  MetricsLog(std::filesystem::path folder, int dropped, int missing)
      : folder_(std::move(folder)), dropped_(dropped), missing_(missing) {}

  std::filesystem::path folder_;
  int dropped_;
  int missing_;
};

}  // namespace riffle
