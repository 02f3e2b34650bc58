// How far a file on its way is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "report/log.h"

namespace riffle {

/// Tells a Log about bytes that arrive: a live line on a terminal; elsewhere a line for each file's first bytes, then
/// every ten seconds, and its last. Not thread-safe.
class DownloadProgress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  explicit DownloadProgress(Log& log, Clock now = std::chrono::steady_clock::now) : log_(log), now_(std::move(now)) {}
  ~DownloadProgress() { log_.Live(""); }
  DownloadProgress(const DownloadProgress&) = delete;
  DownloadProgress& operator=(const DownloadProgress&) = delete;

  /// `done` of `total` bytes of `file` are here; total 0: unknown.
  void Report(std::string_view file, uint64_t done, uint64_t total);

 private:
  Log& log_;
  const Clock now_;
  std::string file_;         // whose turn it is
  bool is_over_ = false;     // and was told so
  uint64_t first_done_ = 0;  // what was here when it began, so that speed does not count it
  std::chrono::steady_clock::time_point start_, last_line_;
};

}  // namespace riffle
