// How far a run is: a live line on a terminal, plain lines every log_interval batches elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "report/log.h"

namespace riffle {

/// One batch that is done, and what the epoch has come to with it.
struct BatchReport {
  int epoch = 1;               ///< from 1
  int epochs = 0;              ///< of the whole run; 0 for a validation, which has neither epochs nor lr
  int64_t batch = 1;           ///< from 1
  int64_t batches = 1;         ///< in an epoch
  double loss = 0;             ///< mean of the epoch so far
  double lr = 0;               ///< of this batch
  int64_t images = 0;          ///< in the epoch so far
  double waiting_seconds = 0;  ///< of the epoch so far, spent on waiting for data
};

/// Tells a Log about batches. Not thread-safe.
class Progress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using BatchCost = std::function<double(int epoch)>;

  /// `cost` is that of a batch of an epoch, from 1, in a unit of the caller's: the time left goes by it.
  Progress(Log& log, int log_interval, Clock now = std::chrono::steady_clock::now, BatchCost cost = AllAlike);
  ~Progress() { log_.Live(""); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Before the first batch of an epoch: speed does not count what came between, and the time left goes by the epoch
  /// before and this one, so that what held the machine up long ago is forgotten.
  void BeginEpoch();

  /// After each batch. On a terminal nothing shows in the first two seconds, then the live line. Elsewhere a line for
  /// the first batch, the last, and every log_interval-th; of a validation only those after two seconds.
  void Report(const BatchReport& batch);
  /// The same where the loss is costly to know: it is read when it shows, and only then. The error of reading it.
  Status Report(BatchReport batch, const std::function<Result<double>()>& read_loss);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// Whether a batch that is done at `now` is to be shown.
  bool IsDue(const BatchReport& batch, TimePoint now) const;
  void Show(const BatchReport& batch, TimePoint now);
  static double AllAlike(int /*epoch*/) { return 1; }
  double SecondsLeft(const BatchReport& batch) const;

  Log& log_;
  const int log_interval_;
  const Clock now_;
  const BatchCost cost_;
  struct Mark {
    std::chrono::steady_clock::time_point time;
    double cost_done = 0;
  };
  const Mark start_;
  Mark epoch_before_, epoch_;  // where they began
  TimePoint last_line_;
  double cost_done_ = 0;
};

/// "0:00:07", "26:40:00".
std::string DurationText(double seconds);

}  // namespace riffle
