#include "report/picture_progress.h"

#include <fmt/format.h>

#include <utility>

#include "report/progress.h"
#include "report/table.h"

namespace riffle {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuiet = 2s;
constexpr auto kBetweenDraws = 100ms;  // faster is unreadable
constexpr auto kBetweenLines = 10s;

}  // namespace

PictureProgress::PictureProgress(Log& log, Clock now)
    : log_(log), now_(std::move(now)), start_(now_()), next_(start_ + kQuiet) {}

void PictureProgress::Report(int64_t done, int64_t total) {
  const auto now = now_();
  if (now < next_) return;
  const double seconds = std::chrono::duration<double>(now - start_).count(),
               speed = static_cast<double>(done) / seconds;
  const std::string text = fmt::format("{} of {} pictures, {:.0f} a second, left {}", Grouped(done), Grouped(total),
                                       speed, DurationText(static_cast<double>(total - done) / speed));
  if (log_.HasLive()) {
    next_ = now + kBetweenDraws;
    log_.Live(text);
  } else {
    next_ = now + kBetweenLines;
    log_.Line(text);
  }
}

}  // namespace riffle
