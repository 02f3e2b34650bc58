// How far a command is with pictures, where it shows nothing else of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "report/log.h"

namespace riffle {

/// Tells a Log: nothing in the first two seconds; then on a terminal a live line, elsewhere a line every ten seconds.
/// Not thread-safe.
class PictureProgress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  explicit PictureProgress(Log& log, Clock now = std::chrono::steady_clock::now);
  ~PictureProgress() { log_.Live(""); }
  PictureProgress(const PictureProgress&) = delete;
  PictureProgress& operator=(const PictureProgress&) = delete;

  /// `done` of `total` pictures are.
  void Report(int64_t done, int64_t total);

 private:
  Log& log_;
  const Clock now_;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;  // before it nothing is told
};

}  // namespace riffle
