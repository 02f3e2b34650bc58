#include "report/download_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/progress.h"
#include "report/table.h"

namespace riffle {
void DownloadProgress::Report(std::string_view file, uint64_t done, uint64_t total) {
  const bool is_new = file != file_;
  if (is_new) {
    file_ = file;
    is_over_ = false;
    first_done_ = done;
    start_ = line_.Now();
  }
  const bool is_last = total > 0 && done == total;
  if (is_over_ || !(is_new || is_last || line_.IsDue())) return;
  is_over_ = is_last;

  const double seconds = Seconds(line_.Now() - start_), bytes = static_cast<double>(done - std::min(done, first_done_));
  std::string line = fmt::format("Downloading {}: {}", file, BytesText(static_cast<int64_t>(done)));
  if (total > 0)
    line += fmt::format(" of {} ({:.0f} %)", BytesText(static_cast<int64_t>(total)),
                        100.0 * static_cast<double>(done) / static_cast<double>(total));
  if (bytes > 0 && seconds > 0) {
    line += fmt::format(", {}/s", BytesText(static_cast<int64_t>(bytes / seconds)));
    if (total > done)
      line += fmt::format(", left {}", DurationText(static_cast<double>(total - done) * seconds / bytes));
  }
  is_last ? line_.End(line) : line_.Show(line);
}

}  // namespace riffle
