// How far a command is with pictures, where it shows nothing else of them.
#pragma once

#include <chrono>
#include <cstdint>

#include "report/progress_line.h"

namespace riffle {

/// Tells a Log: nothing in the first two seconds, then what a ProgressLine shows. Not thread-safe.
class PictureProgress {
 public:
  explicit PictureProgress(Log& log, ProgressLine::Clock now = std::chrono::steady_clock::now);

  /// `done` of `total` pictures are.
  void Report(int64_t done, int64_t total);

 private:
  ProgressLine line_;
  const std::chrono::steady_clock::time_point start_;
};

}  // namespace riffle
