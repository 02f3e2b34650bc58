#include "cli/run_files.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "cli/run_folder.h"
#include "cli/run_observers.h"
#include "cli/weights.h"
#include "model/zoo.h"
#include "settings/run_notes.h"
#include "settings/train_options.h"
#include "train/loop/same_run.h"

namespace riffle {
namespace {

/// The checkpoint of the run's folder that it goes on after, if it is to and there is one.
Result<std::optional<Checkpoint>> NewestIfAsked(const Options& options, const ModelDescription& model, Log& log) {
  if (options.resume != "auto") return std::optional<Checkpoint>();
  RIFFLE_ASSIGN(std::optional<Checkpoint> newest, NewestCheckpoint(options.ckpt_save_dir, model, log));
  if (!newest)
    log.Line(fmt::format("Nothing to resume in {}: starting {}", options.ckpt_save_dir,
                         options.resume_opt ? "from ckpt_path" : "anew"));
  return newest;
}

/// Says what is as it was and what is not; the record of both.
Result<ResumedRecord> GoOn(const Checkpoint& checkpoint, Settings settings, const CheckpointInfo& here, Log& log) {
  const CheckpointInfo& there = checkpoint.info();
  log.Line(fmt::format("Resuming after {}{}: {}", there.PositionText(),
                       there.unvalidated ? ", whose validation is still to come" : "", checkpoint.path()));
  // With resume_opt a file says where the run goes on, and not what it once started from.
  if (settings.options.resume_opt) settings.options.ckpt_path.clear();
  settings.options.resume_opt = false;
  RIFFLE_ASSIGN(ResumedRecord record, ContinueRecord(checkpoint, here, settings));
  for (const std::string& line : record.lines) log.Line("Resumed otherwise: " + line);
  return record;
}

/// What ended the run, and what would let it go on; "" for a run that goes on.
std::string AlreadyOver(const Trainer& trainer, const Options& options) {
  const int epochs = trainer.finished_epochs();
  switch (trainer.end()) {
    case RunEnd::kNotYet:
      return "";
    case RunEnd::kEpochs:
      return epochs == options.epoch_size
                 ? fmt::format("The run has its {}; raise --epoch_size to go on", Counted(epochs, "epoch"))
                 : fmt::format("The run has {}, more than the {} of --epoch_size, and is left as it is",
                               Counted(epochs, "epoch"), options.epoch_size);
    case RunEnd::kPatience:
      return fmt::format("The run ended after epoch {}, for want of a better validation; raise --patience to go on",
                         epochs);
    case RunEnd::kTime:
      return fmt::format("The run has had its {:.6g} minutes; raise --max_minutes to go on", options.max_minutes);
  }
  return "";
}

/// The weights to start from, if the user names some.
Result<std::optional<Checkpoint>> OpenStart(const Settings& settings, Log& log) {
  const Options& options = settings.options;
  if (!AsksForWeights(options)) return std::optional<Checkpoint>();
  if (!options.resume_opt) RIFFLE_TRY(CheckOutsideRun("ckpt_path", options.ckpt_path, options.ckpt_save_dir));
  RIFFLE_ASSIGN(Checkpoint checkpoint, OpenAskedWeights(settings, "to start from", log));
  return std::optional<Checkpoint>(std::move(checkpoint));
}

/// Takes them over, and says what of the run's input is not as theirs was.
Status StartFrom(const Checkpoint& checkpoint, Trainer& trainer, Log& log) {
  RIFFLE_ASSIGN(const std::string line, trainer.StartFrom(checkpoint));
  log.Line(line);
  const Preprocessing &theirs = checkpoint.info().preprocessing, &ours = trainer.info().preprocessing;
  const auto is_raw = [](const Preprocessing& p) { return std::ranges::all_of(p.std, [](float s) { return s == 1; }); };
  if (theirs.channels == ours.channels && is_raw(theirs) != is_raw(ours))
    log.Line(fmt::format("Its input was normalised otherwise: add --mean={} --std={} for the same",
                         fmt::join(theirs.mean, ","), fmt::join(theirs.std, ",")));
  return {};
}

}  // namespace

Result<std::optional<ModelDescription>> RunFiles::FindStructure() {
  if (MayResume()) {
    const Result<ModelDescription> model = FindModel(options_.model);
    std::optional<ModelDescription> of_run = model.ok() ? NetworkOfRun(folder_, *model) : std::nullopt;
    if (of_run) return of_run;
  }
  RIFFLE_ASSIGN(start_, OpenStart(settings_, log_));
  return start_ ? std::optional(start_->info().model) : std::nullopt;
}

Result<std::string> RunFiles::Begin(const CheckpointInfo& info, bool dry, Trainer& trainer) {
  if (start_ && !MayResume())  // its errors come before the folder is made
    RIFFLE_TRY(options_.resume_opt ? trainer.Resume(*start_) : StartFrom(*start_, trainer, log_));
  if (!dry) {
    RIFFLE_ASSIGN(FileLock taken, LockRunFolder(folder_, log_));
    lock_.emplace(std::move(taken));
  }
  RIFFLE_ASSIGN(resumed_, NewestIfAsked(options_, info.model, log_));
  if (!resumed_ && MayResume()) {
    for (const std::string& note : NotesOnNewStart(settings_)) log_.Line(note);
    if (!start_) {
      RIFFLE_ASSIGN(start_, OpenStart(settings_, log_));
    }
    if (start_ && !options_.resume_opt) RIFFLE_TRY(StartFrom(*start_, trainer, log_));
  }
  goes_on_from_file_ = !resumed_ && options_.resume_opt;
  if (goes_on_from_file_) resumed_ = std::move(start_);
  start_.reset();
  if (!resumed_) return std::string();
  RIFFLE_TRY(trainer.Resume(*resumed_));
  if (const std::string over = AlreadyOver(trainer, options_); !over.empty())
    return fmt::format("{}: {}", over, resumed_->path());
  RIFFLE_ASSIGN(record_, GoOn(*resumed_, settings_, info, log_));
  return std::string();
}

Result<std::unique_ptr<TrainObserver>> RunFiles::Prepare(const EpochLoaders& loaders, bool validates,
                                                         const CheckpointInfo& info, Trainer& trainer) {
  const bool has_the_run = resumed_ && (!goes_on_from_file_ || IsOfRunIn(folder_, resumed_->path()));
  RIFFLE_TRY(PrepareRunFolder(folder_, has_the_run, log_));
  if (resumed_) {
    if (goes_on_from_file_ && has_the_run) RIFFLE_TRY(MoveLaterCheckpoints(folder_, *resumed_, log_));
    const BestSoFar best = FindBest(*resumed_, info, folder_);
    if (!best.line.empty()) log_.Line(best.line);
    if (best.set_aside && validates) RIFFLE_TRY(SetBestAside(folder_, info.model, log_));
    trainer.GoOnWith(record_->yaml, RetentionFrom(record_->options), best.top1_percent);
  }
  RIFFLE_TRY(WriteFileAtomically(folder_ / (info.model.name + ".yaml"), trainer.info().options));
  RIFFLE_ASSIGN(MetricsLog metrics, MetricsLog::Open(folder_, trainer.finished_epochs()));
  if (metrics.dropped() > 0)
    log_.Line(fmt::format("Rows of {} are dropped from the metrics, to be trained again",
                          Counted(metrics.dropped(), "later epoch")));
  if (metrics.missing() > 0)
    log_.Line(fmt::format("The metrics in {} lack the rows of {} of the {} so far", folder_.string(), metrics.missing(),
                          Counted(trainer.finished_epochs(), "epoch")));
  return std::unique_ptr<TrainObserver>(new RunReporter(options_, loaders, log_, std::move(metrics), *lock_));
}

Status RunFiles::Explained(const Status& status) const {
  if (!lock_) return status;
  const Status ours = CheckStillOurs(*lock_, folder_);
  if (ours.ok() || status.code() == ErrorCode::kInterrupted || status.message().starts_with(ours.message()))
    return status;
  return {ours.code(), fmt::format("{}: {}", ours.message(), status.message())};
}

}  // namespace riffle
