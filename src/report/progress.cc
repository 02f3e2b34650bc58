#include "report/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/progress_line.h"

namespace riffle {
namespace {

constexpr double kQuietSeconds = 2;           // what is over sooner needs no progress
constexpr double kSecondsBetweenDraws = 0.1;  // faster is unreadable

}  // namespace

std::string DurationText(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(Log& log, int log_interval, Clock now, BatchCost cost)
    : log_(log),
      log_interval_(log_interval),
      now_(std::move(now)),
      cost_(std::move(cost)),
      start_{now_()},
      epoch_before_(start_),
      epoch_(start_),
      last_line_(start_.time) {}

void Progress::BeginEpoch() {
  epoch_before_ = epoch_;
  epoch_ = {now_(), cost_done_};
  last_line_ = epoch_.time;
}

double Progress::SecondsLeft(const BatchReport& b) const {
  double cost_left = cost_(b.epoch) * static_cast<double>(b.batches - b.batch);
  for (int later = b.epoch + 1; later <= b.epochs; ++later) cost_left += cost_(later) * static_cast<double>(b.batches);
  return Seconds(now_() - epoch_before_.time) / (cost_done_ - epoch_before_.cost_done) * cost_left;
}

void Progress::Report(const BatchReport& b) {
  cost_done_ += cost_(b.epoch);
  if (const auto now = now_(); IsDue(b, now)) Show(b, now);
}

Status Progress::Report(BatchReport b, const std::function<Result<double>()>& read_loss) {
  cost_done_ += cost_(b.epoch);
  const auto now = now_();
  if (!IsDue(b, now)) return {};
  RIFFLE_ASSIGN(b.loss, read_loss());
  Show(b, now);
  return {};
}

bool Progress::IsDue(const BatchReport& b, TimePoint now) const {
  const bool quiet = Seconds(now - start_.time) < kQuietSeconds;
  const bool is_last = b.batch == b.batches;
  if (log_.HasLive()) return !quiet && (Seconds(now - last_line_) >= kSecondsBetweenDraws || is_last);
  const bool is_training = b.epochs > 0;
  return (b.batch == 1 || b.batch % log_interval_ == 0 || is_last) && (is_training || !quiet);
}

void Progress::Show(const BatchReport& b, TimePoint now) {
  const double epoch_seconds = std::max(1e-9, Seconds(now - epoch_.time));
  const double since_line = Seconds(now - std::exchange(last_line_, now));
  const bool is_training = b.epochs > 0;
  const double speed = static_cast<double>(b.images) / epoch_seconds;
  const double waiting_percent = std::min(100.0, 100 * b.waiting_seconds / epoch_seconds);
  const std::string left = DurationText(SecondsLeft(b));
  if (log_.HasLive()) {
    const std::string where = is_training ? fmt::format("epoch {}/{}", b.epoch, b.epochs) : "validation";
    const std::string lr = is_training ? fmt::format("  lr {:.4g}", b.lr) : "";
    log_.Live(fmt::format("{}  batch {}/{}  loss {:.4f}{}  {:.0f} pictures/s  waiting for data {:.0f} %  left {}",
                          where, b.batch, b.batches, b.loss, lr, speed, waiting_percent, left));
  } else {
    const std::string where =
        is_training ? fmt::format("Epoch: [{}/{}], batch", b.epoch, b.epochs) : "Validation batch";
    const std::string lr = is_training ? fmt::format(", lr: {:.6g}", b.lr) : "";
    log_.Line(fmt::format(
        "{}: [{}/{}], loss: {:.6f}{}, time: {:.3f}s, pictures/s: {:.1f}, waiting for data: {:.1f}%, left: {}", where,
        b.batch, b.batches, b.loss, lr, since_line, speed, waiting_percent, left));
  }
}

}  // namespace riffle
