// What a run leaves behind and takes up again: its state as checkpoints, which of them stay, and what is told of them.
#include <chrono>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "train/loop/same_run.h"
#include "train/loop/trainer.h"
#include "train/loop/transfer.h"
#include "train/parallel/same_state.h"

namespace riffle {
namespace {

/// "epochs 1 to 3", "5 of 12 batches of epoch 1", "epochs 1 to 3 and 5 of 12 batches of epoch 4".
std::string TrainedText(int epochs, const PartialEpoch& epoch) {
  std::string whole = epochs > 0 ? fmt::format("epochs 1 to {}", epochs) : "";
  if (epoch.batches == 0) return whole;
  return fmt::format("{}{}{} of {} of epoch {}", whole, whole.empty() ? "" : " and ", epoch.batches,
                     Counted(epoch.batches_per_epoch, "batch"), epochs + 1);
}

}  // namespace

Status Trainer::ShareState() {
  StartAverage();
  if (world_.size() == 1) return {};
  NoteProgress();
  Result<std::string> own = std::string();
  if (world_.first()) own = EncodeCheckpoint(info_, plan_->registry, TakeSnapshot());
  RIFFLE_ASSIGN(const Checkpoint state, BroadcastCheckpoint(world_, std::move(own)));
  RIFFLE_TRY(world_.Agree(world_.first() ? Status() : TakeUpRun(state)));
  if (!world_.first() && info_.step > 0) NoteSaved({});  // by rank 0
  return CheckSameState(world_, TakeSnapshot(), "at the start");
}

Result<std::string> Trainer::StartFrom(const Checkpoint& checkpoint) {
  Snapshot snapshot = TakeSnapshot();
  RIFFLE_ASSIGN(std::string line, Transfer(checkpoint, info_, *plan_, &snapshot));
  TakeUp(snapshot);
  return line;
}

Status Trainer::Resume(const Checkpoint& checkpoint) {
  RIFFLE_TRY(TakeUpRun(checkpoint));
  NoteSaved(checkpoint.path());
  return {};
}

Status Trainer::TakeUpRun(const Checkpoint& checkpoint) {
  RIFFLE_TRY(CheckSameRun(checkpoint, info_, options_.ema_decay.has_value()));
  RIFFLE_TRY(TakeUpWeights(checkpoint));
  TakeProgress(checkpoint.info());
  return {};
}

void Trainer::NoteProgress() {
  info_.partial_epoch = epoch_.batches > 0 ? std::optional(epoch_) : std::nullopt;
  info_.steps_left_out = left_out_in_a_row_ > 0 ? std::optional(left_out_in_a_row_) : std::nullopt;
  if (options_.patience > 0) info_.validations_since_best = validations_since_best_;
  // A run that has its epochs has the bits of one that was not stopped, whatever time that took.
  const bool counts_time = options_.max_minutes > 0 && info_.epoch < options_.epochs();
  info_.run_seconds = counts_time ? std::optional(run_seconds_) : std::nullopt;
}

void Trainer::TakeProgress(const CheckpointInfo& there) {
  info_.epoch = there.epoch;
  info_.step = there.step;
  info_.unvalidated = there.unvalidated;
  epoch_ = there.partial_epoch.value_or(PartialEpoch());
  collected_images_ = epoch_.images;
  run_seconds_ = there.run_seconds.value_or(0);
  info_.best_top1_percent = there.best_top1_percent;
  validations_since_best_ = there.validations_since_best.value_or(0);
  left_out_in_a_row_ = there.steps_left_out.value_or(0);
  if (!info_.measured) info_.measured = there.measured;  // of the figures that stay
}

void Trainer::GoOnWith(std::string record, Retention retention, std::optional<double> best_top1_percent) {
  info_.options = std::move(record);
  retention_ = retention;
  info_.best_top1_percent = best_top1_percent;
  if (!best_top1_percent) validations_since_best_ = 0;
}

Snapshot Trainer::TakeSnapshot() const {
  std::vector<std::string_view> slot_names;
  for (const Optimizer::Slot& slot : optimizer_.slots()) slot_names.push_back(slot.name);
  Snapshot snapshot(plan_->registry, slot_names, ema_.has_value());
  network_->values().Download(&snapshot.values);
  if (ema_) ema_->Download(&*snapshot.average);
  for (size_t i = 0; i < slot_names.size(); ++i) optimizer_.slots()[i].values.Download(snapshot.slots[i].values);
  return snapshot;
}

void Trainer::TakeUp(const Snapshot& snapshot) {
  network_->values().Upload(snapshot.values);
  if (ema_) ema_->Upload(*snapshot.average);
  for (size_t i = 0; i < snapshot.slots.size(); ++i) optimizer_.slots()[i].values.Upload(snapshot.slots[i].values);
}

bool Trainer::IsDue() const {
  const int64_t steps = options_.ckpt_save_steps, saved = saved_ ? saved_->file.step : 0;
  if (steps > 0 && info_.step / steps > saved / steps) return true;
  return options_.ckpt_save_minutes > 0 && unsaved_seconds_ >= 60 * options_.ckpt_save_minutes;
}

bool Trainer::SavesAfter(int epoch) const {
  return epoch % options_.ckpt_save_interval == 0 || epoch == options_.epochs();
}

Status Trainer::Save(const std::filesystem::path& path, TrainObserver& observer) {
  RIFFLE_TRY(CollectLosses());
  RIFFLE_TRY(CheckFinite());
  NoteProgress();
  RIFFLE_TRY(world_.Agree(world_.first() ? Write(path, observer) : Status()));
  NoteSaved(path);
  return {};
}

Status Trainer::Write(const std::filesystem::path& path, TrainObserver& observer) {
  RIFFLE_TRY(observer.OnSaveBegin());
  const Snapshot snapshot = TakeSnapshot();
  RIFFLE_TRY(execution_.device.Health());  // or nobody knows what the snapshot is
  return SaveCheckpoint(path, info_, plan_->registry, snapshot);
}

void Trainer::NoteSaved(const std::filesystem::path& path) {
  gone_back_ = 0;
  saved_ = {.file = {.path = path, .epoch = info_.epoch, .step = info_.step},
            .position = TrainedText(info_.epoch, epoch_)};
  saved_at_ = std::chrono::steady_clock::now();
  unsaved_seconds_ = 0;
}

Status Trainer::SaveNumbered(TrainObserver& observer) {
  RIFFLE_TRY(Save(options_.ckpt_save_dir / CheckpointName(info_.model, info_.epoch, info_.step), observer));
  return world_.Agree(world_.first() ? RemoveOldCheckpoints(options_.ckpt_save_dir, info_.model, retention_)
                                     : Status());
}

Status Trainer::SavedBefore(Status why, TrainObserver& observer) {
  if (info_.step == (saved_ ? saved_->file.step : 0)) return why;
  const Status saving = SaveNumbered(observer);
  if (saving.ok() || why.ok()) return saving.ok() ? why : saving;
  return {why.code(), fmt::format("{}; {}", why.message(), saving.message())};
}

std::string Trainer::WhatIsKept() const {
  if (info_.step == 0) return "";
  std::error_code ignored;
  if (!saved_ || !std::filesystem::exists(saved_->file.path, ignored))
    return "; no epoch is saved: what was trained is lost";
  const bool is_all = info_.step == saved_->file.step;
  return fmt::format("; {} are in {}, {}; --resume=auto goes on {}", saved_->position, saved_->file.path.string(),
                     is_all ? "nothing is lost" : "what came after them is lost",
                     info_.unvalidated && is_all ? "with the validation" : "from there");
}

}  // namespace riffle
