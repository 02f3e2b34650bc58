// The line that says how far something is, and how often it shows.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "report/log.h"

namespace riffle {

/// On a terminal a live line, drawn ten times a second at most, that is gone in the end; elsewhere a line every ten
/// seconds. Not thread-safe.
class ProgressLine {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// `quiet`: how long nothing shows at first, since what is over soon needs no line.
  ProgressLine(Log& log, Clock now, std::chrono::steady_clock::duration quiet = {});
  ~ProgressLine() { log_.Live(""); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  std::chrono::steady_clock::time_point Now() const { return now_(); }
  /// Whether it is time for another one.
  bool IsDue() const { return now_() >= next_; }
  void Show(const std::string& text);
  /// The last one of something: it stays, on a terminal, too.
  void End(const std::string& text);

 private:
  Log& log_;
  const Clock now_;
  std::chrono::steady_clock::time_point next_;  // before it none is due
};

/// Seconds of a duration.
inline double Seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace riffle
