#include "report/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

namespace riffle {

constexpr std::string_view kEraseLine = "\r\x1b[K";

Log::Log(std::ostream& out, int live_width, Clock now)
    : out_(out),
      live_width_(live_width),
      now_(std::move(now)),
      logger_(std::make_unique<spdlog::logger>("riffle", std::make_shared<spdlog::sinks::ostream_sink_st>(out))) {
  logger_->set_pattern("[%Y-%m-%d %H:%M:%S] %v");
  logger_->flush_on(spdlog::level::info);
}

Log::~Log() { Live(""); }

void Log::Line(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (!live_.empty()) out_ << kEraseLine;
  logger_->log(now_(), spdlog::source_loc{}, spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
  out_ << live_ << std::flush;
}

void Log::Live(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (live_width_ == 0 || (text.empty() && live_.empty())) return;
  live_ = text.substr(0, static_cast<size_t>(live_width_ - 1));  // in the last column some terminals wrap at once
  out_ << kEraseLine << live_ << std::flush;
}

}  // namespace riffle
