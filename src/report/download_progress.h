// How far a file on its way is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "report/progress_line.h"

namespace riffle {

/// Tells a Log about bytes that arrive, as a ProgressLine shows it; a file's first bytes and its last always show. Not
/// thread-safe.
class DownloadProgress {
 public:
  explicit DownloadProgress(Log& log, ProgressLine::Clock now = std::chrono::steady_clock::now)
      : line_(log, std::move(now)) {}

  /// `done` of `total` bytes of `file` are here; total 0: unknown.
  void Report(std::string_view file, uint64_t done, uint64_t total);

 private:
  ProgressLine line_;
  std::string file_;         // whose turn it is
  bool is_over_ = false;     // and was told so
  uint64_t first_done_ = 0;  // what was here when it began, so that speed does not count it
  std::chrono::steady_clock::time_point start_;
};

}  // namespace riffle
