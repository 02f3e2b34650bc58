// What a run tells: lines with the time, and on a terminal one live line below them that is drawn over and over.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>

namespace riffle {

/// Writes to one stream, which it flushes after each line; what a terminal would obey is escaped (OneLine), since names
/// from files may hold anything. Thread-safe.
class Log {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// `live_width`: columns of the terminal behind `out`, 0 if there is none (TerminalWidth). `out` must outlive this.
  Log(std::ostream& out, int live_width, Clock now = std::chrono::system_clock::now);
  ~Log();

  /// "[2026-11-24 00:08:38] text", local time.
  void Line(std::string_view text);

  /// Replaces the live line, cut to the width of the terminal; "" takes it away. Does nothing without a terminal.
  void Live(std::string_view text);

  bool HasLive() const { return live_width_ > 0; }

 private:
  std::ostream& out_;
  const int live_width_;
  const Clock now_;
  std::mutex mutex_;
  std::string live_;  // what stands there now
};

}  // namespace riffle
