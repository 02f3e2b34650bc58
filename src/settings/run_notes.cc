#include "settings/run_notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "backend/threads.h"
#include "base/text.h"
#include "train/loop/resolution.h"
#include "train/update/schedule.h"

namespace riffle {
namespace {

int EpochsAfterWarmup(const Options& o) { return std::max(0, o.epoch_size - o.warmup_epochs); }

/// " --mean=123.675,116.28,103.53" for numbers that are of pictures from 0 to 1; "" for others.
std::string Scaled(std::string_view option, const std::vector<double>& values) {
  const bool is_small = std::ranges::all_of(values, [](double v) { return v <= 1; });
  if (!is_small || std::ranges::all_of(values, [](double v) { return v == 0; })) return "";
  std::vector<std::string> scaled;
  for (const double value : values) scaled.push_back(fmt::format("{:.6g}", 255 * value));
  return fmt::format(" --{}={}", option, fmt::join(scaled, ","));
}

std::string PixelScale(const Options& o) {
  const std::string scaled = Scaled("mean", o.mean) + Scaled("std", o.std);
  if (scaled.empty()) return "";
  return "mean and std: pixels are 0 to 255 here, and these numbers are of pixels from 0 to 1; times 255 they are" +
         scaled;
}

bool StartsAtRandom(const Options& o) { return o.ckpt_path.empty() && o.pretrained.empty() && o.resume.empty(); }

std::string FrozenChance(const Options& o) {
  if (o.freeze != "body" || !StartsAtRandom(o)) return "";
  return "freeze=body without ckpt_path: the head learns on a body of random weights; add --ckpt_path=FILE";
}

std::string SlowChance(const Options& o) {
  if (o.layer_decay.value_or(1) == 1 || !StartsAtRandom(o)) return "";
  return fmt::format(
      "layer_decay={} without ckpt_path: units far from the head start at random and hardly learn; add "
      "--ckpt_path=FILE",
      *o.layer_decay);
}

std::string LongWarmup(const Options& o) {
  const bool never_falls = o.scheduler == "constant" && o.warmup_epochs == o.epoch_size;
  if (o.warmup_epochs == 0 || o.warmup_epochs < o.epoch_size || never_falls) return "";
  return fmt::format("warmup_epochs={} and epoch_size={}: the run is over before the learning rate {} {}",
                     o.warmup_epochs, o.epoch_size, o.warmup_epochs > o.epoch_size ? "reaches" : "falls from", o.lr);
}

std::string LateMilestones(const Options& o) {
  if (o.scheduler != "multi_step_decay" || EpochsAfterWarmup(o) == 0) return "";  // LongWarmup tells
  std::vector<double> late;
  for (const double milestone : o.multi_step_decay_milestones)
    if (milestone >= EpochsAfterWarmup(o)) late.push_back(milestone);
  if (late.empty()) return "";
  return fmt::format("multi_step_decay_milestones: {} {} beyond the {} after the warm-up: no step there{}",
                     fmt::join(late, ", "), late.size() == 1 ? "is" : "are", Counted(EpochsAfterWarmup(o), "epoch"),
                     late.size() == o.multi_step_decay_milestones.size() ? ", the learning rate never falls" : "");
}

std::string LongDecay(const Options& o) {
  const bool uses = FindSchedule(o.scheduler).Uses("decay_epochs");
  const int epochs = EpochsAfterWarmup(o);
  if (!uses || !o.decay_epochs || epochs == 0) return "";  // LongWarmup tells
  if (o.scheduler == "step_decay" && *o.decay_epochs >= epochs)
    return fmt::format("decay_epochs={}: the run has {} after the warm-up, the learning rate never falls",
                       *o.decay_epochs, Counted(epochs, "epoch"));
  if (*o.decay_epochs <= epochs) return "";
  return fmt::format("decay_epochs={}: the run has {} after the warm-up and ends before the decay does",
                     *o.decay_epochs, Counted(epochs, "epoch"));
}

std::string GrowingDecay(const Options& o) {
  const bool is_factor =
      o.scheduler == "step_decay" || o.scheduler == "multi_step_decay" || o.scheduler == "exponential_decay";
  if (!is_factor || o.decay_rate < 1) return "";
  return fmt::format("decay_rate={}: under {} the learning rate {}", o.decay_rate, o.scheduler,
                     o.decay_rate > 1 ? "grows at each step" : "stays as it is");
}

std::string LateResolution(const Options& o) {
  const auto steps = ParseResolutionSchedule(o.resolution_schedule);
  if (!steps.ok() || steps->empty() || steps->back().epoch < o.epoch_size) return "";
  return fmt::format("resolution_schedule: the run has {} and never trains on {} pixels, from epoch {} on",
                     Counted(o.epoch_size, "epoch"), steps->back().size, steps->back().epoch);
}

std::string FixedStatistics(const Options& o) {
  if (o.bn_momentum == 1)
    return "bn_momentum=1: batch-norm statistics never move, and validation and use go by those of the start";
  if (o.bn_momentum == 0) return "bn_momentum=0: batch-norm statistics are those of the last batch alone";
  if (o.bn_momentum >= 0.5) return "";
  return fmt::format(
      "bn_momentum={0}: it is the share of the old batch-norm statistics that a step keeps, and they are nearly those "
      "of "
      "the last batch; where it was PyTorch's share of the new ones, it is {1:.6g} here",
      o.bn_momentum, 1 - o.bn_momentum);
}

std::string NoLearning(const Options& o) {
  return o.lr == 0 ? "lr=0: no weight changes, only batch-norm statistics do" : "";
}

std::string RareValidation(const Options& o) {
  if (!o.val_while_train || o.val_interval <= o.epoch_size) return "";
  return fmt::format("val_interval={}: the run has {} and validates once, after the last", o.val_interval,
                     Counted(o.epoch_size, "epoch"));
}

std::string UnreachedRecalibration(const Options& o) {
  if (o.patience == 0 || o.bn_recalibration == 0) return "";
  return fmt::format(
      "bn_recalibration={} comes after the last epoch, which a run that patience={} ends does not reach; 'riffle "
      "recalibrate' does it",
      o.bn_recalibration, o.patience);
}

std::string RareCheckpoints(const Options& o) {
  if (o.ckpt_save_interval <= o.epoch_size) return "";
  return fmt::format("ckpt_save_interval={}: the run has {} and saves once, after the last", o.ckpt_save_interval,
                     Counted(o.epoch_size, "epoch"));
}

std::string UnmixedBatches(const Options& o) {
  return o.cutmix_prob == 0 && (o.mixup > 0 || o.cutmix > 0) ? "cutmix_prob=0: no batch is mixed" : "";
}

std::string UnheardTeacher(const Options& o) {
  return !o.teacher_ckpt.empty() && o.distill_weight == 0 ? "distill_weight=0: the teacher counts for nothing" : "";
}

std::string MomentaryAverage(const Options& o) {
  return o.ema && o.ema_decay == 0 ? "ema_decay=0: the average is the weights of the last step" : "";
}

std::string CrowdedCores(const Options& o) {
  const int cores = UsableCores();
  if (o.threads <= cores) return "";
  return fmt::format(
      "threads={}: this process may use {}, on which they take turns; if mpirun has bound it there, --bind-to "
      "none leaves it free",
      o.threads, Counted(cores, "core"));
}

}  // namespace

std::span<const RunNote> RunNotes() {
  static const std::vector<RunNote> table = {
      {{"mean", "std"}, PixelScale},
      {{"freeze"}, FrozenChance},
      {{"layer_decay"}, SlowChance},
      {{"warmup_epochs", "epoch_size"}, LongWarmup},
      {{"multi_step_decay_milestones", "scheduler", "epoch_size", "warmup_epochs"}, LateMilestones},
      {{"decay_epochs"}, LongDecay},
      {{"decay_rate"}, GrowingDecay},
      {{"resolution_schedule", "epoch_size"}, LateResolution},
      {{"bn_momentum"}, FixedStatistics},
      {{"lr"}, NoLearning},
      {{"val_interval"}, RareValidation},
      {{"patience", "bn_recalibration"}, UnreachedRecalibration},
      {{"ckpt_save_interval"}, RareCheckpoints},
      {{"cutmix_prob"}, UnmixedBatches},
      {{"distill_weight"}, UnheardTeacher},
      {{"ema_decay"}, MomentaryAverage},
      {{"threads"}, CrowdedCores},
  };
  return table;
}

std::vector<std::string> NotesOn(const Settings& settings) {
  std::vector<std::string> notes;
  for (const RunNote& note : RunNotes()) {
    if (std::ranges::none_of(note.options, [&](std::string_view option) { return settings.IsSet(option); })) continue;
    if (std::string text = note.text(settings.options); !text.empty()) notes.push_back(std::move(text));
  }
  return notes;
}

std::vector<std::string> NotesOnNewStart(const Settings& settings) {
  Settings anew = settings;
  anew.options.resume.clear();
  const std::vector<std::string> told = NotesOn(settings);
  std::vector<std::string> notes = NotesOn(anew);
  std::erase_if(notes, [&](const std::string& note) { return std::ranges::find(told, note) != told.end(); });
  return notes;
}

std::string FewUpdatesNote(const Options& o, int64_t pictures, int64_t batches_per_epoch, int processes) {
  constexpr int64_t kFew = 10;
  const int64_t group = o.gradient_accumulation_steps;
  const int64_t updates = (batches_per_epoch + group - 1) / group;
  const int64_t batch_of_all = int64_t{o.batch_size} * processes;
  if (updates >= kFew || batch_of_all * group == 1) return "";
  const int64_t left_out = o.drop_remainder ? pictures - batches_per_epoch * batch_of_all : 0;
  std::vector<std::string> makes_more;
  if (o.batch_size > 1) makes_more.push_back("a smaller --batch_size");
  if (group > 1) makes_more.push_back("fewer --gradient_accumulation_steps");
  if (processes > 1) makes_more.push_back("fewer processes");
  return fmt::format("{} an epoch ({}, batch_size={}{}{}): {} make{} more{}",
                     Counted(updates, group > 1 ? "update" : "step"), Counted(pictures, "training picture"),
                     o.batch_size, group > 1 ? fmt::format(", gradient_accumulation_steps={}", group) : "",
                     processes > 1 ? fmt::format(", {} processes", processes) : "", fmt::join(makes_more, " or "),
                     makes_more.size() == 1 ? "s" : "",
                     left_out > 0 ? fmt::format("; --drop_remainder=False takes in the {} left over", left_out) : "");
}

std::string PixelScaleNote(const Settings& settings) {
  return settings.IsSet("mean") || settings.IsSet("std") ? PixelScale(settings.options) : "";
}

}  // namespace riffle
