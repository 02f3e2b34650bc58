#include "report/picture_progress.h"

#include <fmt/format.h>

#include <utility>

#include "report/progress.h"
#include "report/table.h"

namespace riffle {

PictureProgress::PictureProgress(Log& log, ProgressLine::Clock now)
    : line_(log, std::move(now), std::chrono::seconds(2)), start_(line_.Now()) {}

void PictureProgress::Report(int64_t done, int64_t total) {
  if (!line_.IsDue()) return;
  const double speed = static_cast<double>(done) / Seconds(line_.Now() - start_);
  line_.Show(fmt::format("{} of {}, {:.0f} a second, left {}", Grouped(done), GroupedCount(total, "picture"), speed,
                         DurationText(static_cast<double>(total - done) / speed)));
}

}  // namespace riffle
