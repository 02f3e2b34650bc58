#include "report/progress_line.h"

#include <utility>

namespace riffle {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenDraws = 100ms;  // faster is unreadable
constexpr auto kBetweenLines = 10s;

}  // namespace

ProgressLine::ProgressLine(Log& log, Clock now, std::chrono::steady_clock::duration quiet)
    : log_(log), now_(std::move(now)), next_(now_() + quiet) {}

void ProgressLine::Show(const std::string& text) {
  if (!log_.HasLive()) return End(text);
  next_ = now_() + kBetweenDraws;
  log_.Live(text);
}

void ProgressLine::End(const std::string& text) {
  next_ = now_() + kBetweenLines;
  log_.Live("");
  log_.Line(text);
}

}  // namespace riffle
