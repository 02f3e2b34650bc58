#include "settings/idle_options.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "data/augment/policy.h"
#include "data/registry.h"
#include "train/update/schedule.h"
#include "train/update/update_rules.h"

namespace riffle {
namespace {

using Counts = bool (*)(const Options&);

const DatasetInfo* Dataset(const Options& o) {
  const Result<const DatasetInfo*> dataset = FindDataset(o.dataset);
  return dataset.ok() ? *dataset : nullptr;
}

constexpr Counts kCrops = [](const Options& o) {
  return Dataset(o) == nullptr || Dataset(o)->train_crop == TrainCrop::kRandomResized;
};
constexpr Counts kDecodes = [](const Options& o) {
  return Dataset(o) == nullptr || Dataset(o)->layout == DatasetLayout::kFolder ||
         Dataset(o)->layout == DatasetLayout::kShards;
};
constexpr Counts kJitters = [](const Options& o) {
  const auto policy = ParseAugmentPolicy(o.auto_augment);
  return !policy.ok() || !*policy || (*policy)->color_jitter > 0;
};
constexpr Counts kErases = [](const Options& o) { return o.re_prob > 0; };
constexpr Counts kMixes = [](const Options& o) { return o.mixup > 0 || o.cutmix > 0; };
constexpr Counts kDistils = [](const Options& o) { return !o.teacher_ckpt.empty(); };
constexpr Counts kDistilsDecoupled = [](const Options& o) {
  return !o.teacher_ckpt.empty() && o.distill_type == "decoupled";
};
constexpr Counts kAlways = [](const Options&) { return true; };
constexpr RunMachine kGpu = {.has_gpu = true}, kGpus = {.has_gpu = true, .processes = 2};
constexpr Counts kValidates = [](const Options& o) { return o.val_while_train; };

/// "cosine_decay, cyclic": the rows of a table that fit.
template <typename Row>
std::string NamesOf(std::span<const Row> table, const std::function<bool(const Row&)>& fits) {
  std::string names;
  for (const Row& row : table)
    if (fits(row)) names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
  return names;
}

Dependence OnTheSchedule(std::string_view option) {
  return {option, "--scheduler=" + NamesOf<Schedule>(Schedules(), [=](const Schedule& s) { return s.Uses(option); }),
          [=](const Options& o) { return FindSchedule(o.scheduler).Uses(option); }};
}

Dependence OnTheOptimizer(std::string_view option, bool (*uses)(const UpdateRule&)) {
  return {option, "--opt=" + NamesOf<UpdateRule>(UpdateRules(), uses),
          [=](const Options& o) { return uses(FindUpdateRule(o.opt)); }};
}

std::vector<Dependence> MakeTable() {
  const std::string photographs = "a dataset of photographs: these pictures are cropped from their padding";
  const std::string files = "a dataset of files: these pictures are not compressed";
  std::vector<Dependence> table = {
      {"max_unreadable_share", files, kDecodes},
      {"exact_decode", files, kDecodes},
      {"scale", photographs, kCrops},
      {"ratio", photographs, kCrops},
      {"color_jitter", "no --auto_augment but 3a", kJitters},
      {"re_scale", "--re_prob", kErases},
      {"re_ratio", "--re_prob", kErases},
      {"re_value", "--re_prob", kErases},
      {"re_max_attempts", "--re_prob", kErases},
      {"shuffle_buffer", "--shuffle", [](const Options& o) { return o.shuffle; }},
      {"device_data_mb", "a GPU", kAlways, kGpu},
      {"nccl", "GPUs of several processes", kAlways, kGpus},
      {"zero_init_residual", "a start from nothing, without --ckpt_path and --pretrained",
       [](const Options& o) { return o.ckpt_path.empty() && o.pretrained.empty(); }},
      {"sync_bn", "a body that learns, without --freeze", [](const Options& o) { return o.freeze.empty(); }},
      {"keep_checkpoint_max", "--ckpt_save_policy=latest_k or top_k",
       [](const Options& o) { return o.ckpt_save_policy.ends_with("_k"); }},
      OnTheOptimizer("momentum", [](const UpdateRule& rule) { return rule.uses_momentum; }),
      OnTheOptimizer("eps", [](const UpdateRule& rule) { return rule.eps > 0; }),
      {"weight_decay_filter", "--weight_decay", [](const Options& o) { return o.weight_decay > 0; }},
      {"clip_value", "--clip_grad", [](const Options& o) { return o.clip_grad; }},
      {"ema_decay", "--ema", [](const Options& o) { return o.ema; }},
      {"warmup_factor", "--warmup_epochs", [](const Options& o) { return o.warmup_epochs > 0; }},
      {"cutmix_prob", "--mixup or --cutmix", kMixes},
      {"distill_type", "--teacher_ckpt", kDistils},
      {"distill_weight", "--teacher_ckpt", kDistils},
      {"distill_temperature", "--teacher_ckpt", kDistils},
      {"distill_alpha", "--teacher_ckpt and --distill_type=decoupled", kDistilsDecoupled},
      {"distill_beta", "--teacher_ckpt and --distill_type=decoupled", kDistilsDecoupled},
      {"val_split", "--val_while_train", kValidates},
      {"val_interval", "--val_while_train", kValidates},
      {"val_amp_level", "--val_while_train and a GPU", kValidates, kGpu},
      {"patience", "--val_while_train", kValidates},
      {"tta_flip", "--val_while_train", kValidates},
  };
  std::set<std::string_view> of_schedules;
  for (const Schedule& schedule : Schedules()) of_schedules.insert(schedule.options.begin(), schedule.options.end());
  of_schedules.erase("");
  for (const std::string_view option : of_schedules) table.push_back(OnTheSchedule(option));
  return table;
}

}  // namespace

std::span<const Dependence> Dependences() {
  static const std::vector<Dependence> table = MakeTable();
  return table;
}

std::string IdleNote(const Settings& settings, const RunMachine& machine) {
  const auto is_there = [&](const RunMachine& least) {
    return (machine.has_gpu || !least.has_gpu) && machine.processes >= least.processes;
  };
  std::string note;
  for (const Dependence& d : Dependences()) {
    const auto origin = settings.origins.find(d.option);
    if (origin == settings.origins.end() || origin->second != kCommandLine) continue;
    if (is_there(d.least) && d.counts(settings.options)) continue;
    note += fmt::format("{} --{} (needs {})", note.empty() ? "Without effect here:" : ",", d.option, d.needs);
  }
  return note;
}

}  // namespace riffle
