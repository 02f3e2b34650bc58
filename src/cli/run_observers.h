// Who watches a run: signals that ask for its end, the lines for the user, the record.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/file_lock.h"
#include "cli/epoch_loaders.h"
#include "cli/validation_progress.h"
#include "report/log.h"
#include "report/metrics.h"
#include "report/progress.h"
#include "settings/settings.h"
#include "train/loop/trainer.h"

namespace riffle {

/// Ends the run where a signal asks for it. REQUIRES: a SignalWatch lives.
class SignalObserver : public TrainObserver {
 public:
  Status OnEpochBegin(int epoch) override;
  Status OnStep(const StepEvent& e) override;
  Status OnValidation(const Evaluation& so_far, int64_t batch, int64_t batches) override;
};

/// Tells the user, writes the record.
class RunReporter : public SignalObserver {
 public:
  /// The time left goes by the pixels of each epoch. `lock`: of the run's folder. All but `metrics` must outlive it.
  RunReporter(const Options& options, const EpochLoaders& loaders, Log& log, MetricsLog metrics, const FileLock& lock);

  Status OnEpochBegin(int epoch) override;
  void OnUnreadable(const std::string& why) override;
  void OnFlawed(const std::string& what) override;
  void OnNotFinite(const std::string& what) override { log_.Line(what); }
  Status OnStep(const StepEvent& e) override;
  void OnValidationBegin() override { validation_progress_.emplace(log_, options_.log_interval); }
  Status OnValidation(const Evaluation& so_far, int64_t batch, int64_t batches) override;
  Status OnEpoch(const EpochEvent& e) override;
  void OnRecalibrated(int64_t batches) override;
  Status OnSaveBegin() override;

 private:
  const Options& options_;
  const EpochLoaders& loaders_;
  Log& log_;
  int size_ = 0;  // of the pictures so far
  MetricsLog metrics_;
  const FileLock& lock_;
  Progress progress_;
  std::optional<ValidationProgress> validation_progress_;  // of a validation that goes on
  std::set<std::string> told_;                             // of pictures
};

}  // namespace riffle
