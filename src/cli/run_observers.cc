#include "cli/run_observers.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "base/text.h"
#include "cli/data_options.h"
#include "cli/interruption.h"
#include "cli/run_folder.h"

namespace riffle {

Status SignalObserver::OnEpochBegin(int epoch) {
  if (NotedSignal() == 0) return {};
  return Interrupted("stopped by {} before epoch {}", SignalText(NotedSignal()), epoch);
}

Status SignalObserver::OnStep(const StepEvent& e) {
  if (NotedSignal() == 0 || !e.may_end) return {};  // an epoch that is trained is not thrown away
  return Interrupted("stopped by {} in epoch {} after {} of {}", SignalText(NotedSignal()), e.epoch, e.batch,
                     Counted(e.batches, "batch"));
}

Status SignalObserver::OnValidation(const Evaluation&, int64_t batch, int64_t batches) {
  if (NotedSignal() == 0 || batch == batches) return {};
  return Interrupted("stopped by {} in a validation, after {} of {}", SignalText(NotedSignal()), batch,
                     Counted(batches, "batch"));
}

RunReporter::RunReporter(const Options& options, const EpochLoaders& loaders, Log& log, MetricsLog metrics,
                         const FileLock& lock)
    : options_(options),
      loaders_(loaders),
      log_(log),
      metrics_(std::move(metrics)),
      lock_(lock),
      progress_(log, options.log_interval, std::chrono::steady_clock::now,
                [this](int epoch) { return std::pow(loaders_.SizeAt(epoch - 1), 2); }) {}

Status RunReporter::OnEpochBegin(int epoch) {
  RIFFLE_TRY(SignalObserver::OnEpochBegin(epoch));
  const int size = loaders_.SizeAt(epoch - 1);
  if (loaders_.Changes() && size != size_)
    log_.Line(fmt::format("Training on pictures of {0} × {0} pixels from epoch {1} on", size, epoch));
  size_ = size;
  progress_.BeginEpoch();
  return {};
}

void RunReporter::OnUnreadable(const std::string& why) {
  if (!told_.insert(why).second) return;  // another resolution has another loader, which tells it again
  log_.Line(Skipped(why));
}

void RunReporter::OnFlawed(const std::string& what) {
  if (told_.insert(what).second) log_.Line(what);
}

Status RunReporter::OnStep(const StepEvent& e) {
  RIFFLE_TRY(SignalObserver::OnStep(e));  // first, since who reads what is printed may have ended by the same signal
  return progress_.Report({.epoch = e.epoch,
                           .epochs = options_.epoch_size,
                           .batch = e.batch,
                           .batches = e.batches,
                           .lr = e.lr,
                           .images = e.images,
                           .waiting_seconds = e.waiting_seconds},
                          [&]() -> Result<double> {
                            RIFFLE_ASSIGN(const StepLoss loss, e.read_loss());
                            return loss.epoch;
                          });
}

Status RunReporter::OnValidation(const Evaluation& so_far, int64_t batch, int64_t batches) {
  RIFFLE_TRY(SignalObserver::OnValidation(so_far, batch, batches));
  validation_progress_->Report(so_far, batch, batches);
  return {};
}

void RunReporter::OnRecalibrated(int64_t batches) {
  log_.Line(fmt::format("Batch-norm statistics averaged anew over {}", Counted(batches, "batch")));
}

Status RunReporter::OnEpoch(const EpochEvent& e) {
  validation_progress_.reset();
  const double images_per_second = static_cast<double>(e.images) / e.seconds;
  EpochMetrics row{.epoch = e.epoch,
                   .step = e.step,
                   .lr = e.lr,
                   .train_loss = e.train_loss,
                   .images_per_second = images_per_second,
                   .epoch_seconds = e.seconds};
  std::string line = fmt::format("Epoch {}/{}: loss {:.4f}, {:.1f} s, {:.0f} pictures/s", e.epoch, options_.epoch_size,
                                 e.train_loss, e.seconds, images_per_second);
  if (e.validation) {
    const Evaluation& v = *e.validation;
    row.validation = {
        .top1_percent = v.top1_percent(), .top5_percent = v.top5_percent(), .loss = v.loss(), .seconds = v.seconds};
    line += fmt::format("; validation: top-1 {:.2f} %, top-5 {:.2f} %, loss {:.4f}{}", v.top1_percent(),
                        v.top5_percent(), v.loss(), e.best ? ", the best so far" : "");
  }
  log_.Line(line);
  RIFFLE_TRY(CheckStillOurs(lock_, options_.ckpt_save_dir));
  return metrics_.Append(row);
}

Status RunReporter::OnSaveBegin() { return CheckStillOurs(lock_, options_.ckpt_save_dir); }

}  // namespace riffle
