#include "report/log.h"

#include <fmt/chrono.h>
#include <fmt/ostream.h>

#include "base/text.h"

namespace riffle {

constexpr std::string_view kEraseLine = "\r\x1b[K";

Log::Log(std::ostream& out, int live_width, Clock now) : out_(out), live_width_(live_width), now_(std::move(now)) {}

Log::~Log() { Live(""); }

void Log::Line(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (!live_.empty()) out_ << kEraseLine;
  const std::tm local = fmt::localtime(std::chrono::system_clock::to_time_t(now_()));
  fmt::print(out_, "[{:%Y-%m-%d %H:%M:%S}] {}\n{}", local, OneLine(text), live_);
  out_ << std::flush;
}

void Log::Live(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (live_width_ == 0 || (text.empty() && live_.empty())) return;
  live_ =
      OneLine(text).substr(0, static_cast<size_t>(live_width_ - 1));  // in the last column some terminals wrap at once
  out_ << kEraseLine << live_ << std::flush;
}

}  // namespace riffle
