#include "report/download_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/progress.h"
#include "report/table.h"

namespace riffle {
namespace {

constexpr double kSecondsBetweenLines = 10;
constexpr double kSecondsBetweenDraws = 0.1;

double Seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

void DownloadProgress::Report(std::string_view file, uint64_t done, uint64_t total) {
  const auto now = now_();
  const bool is_new = file != file_;
  if (is_new) {
    file_ = file;
    is_over_ = false;
    first_done_ = done;
    start_ = now;
  }
  const bool is_last = total > 0 && done == total;
  const double since_line = Seconds(now - last_line_);
  const bool is_due = is_new || since_line >= (log_.HasLive() ? kSecondsBetweenDraws : kSecondsBetweenLines) || is_last;
  if (!is_due || is_over_) return;
  last_line_ = now;
  is_over_ = is_last;

  const double seconds = Seconds(now - start_), bytes = static_cast<double>(done - std::min(done, first_done_));
  std::string line = fmt::format("Downloading {}: {}", file, BytesText(static_cast<int64_t>(done)));
  if (total > 0)
    line += fmt::format(" of {} ({:.0f} %)", BytesText(static_cast<int64_t>(total)),
                        100.0 * static_cast<double>(done) / static_cast<double>(total));
  if (bytes > 0 && seconds > 0) {
    line += fmt::format(", {}/s", BytesText(static_cast<int64_t>(bytes / seconds)));
    if (total > done)
      line += fmt::format(", left {}", DurationText(static_cast<double>(total - done) * seconds / bytes));
  }
  if (log_.HasLive() && !is_last) {
    log_.Live(line);
  } else {
    log_.Live("");
    log_.Line(line);
  }
}

}  // namespace riffle
