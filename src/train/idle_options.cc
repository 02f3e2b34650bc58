#include "train/idle_options.h"

#include <fmt/format.h>

#include "data/registry.h"
#include "train/schedule.h"

namespace riffle {
namespace {

bool Distils(const Options& o) { return !o.teacher_ckpt.empty(); }
bool DistilsDecoupled(const Options& o) { return Distils(o) && o.distill_type == "decoupled"; }
bool Erases(const Options& o) { return o.re_prob > 0; }
bool Mixes(const Options& o) { return o.mixup > 0 || o.cutmix > 0; }
bool Clips(const Options& o) { return o.clip_grad; }
bool Averages(const Options& o) { return o.ema; }
bool Validates(const Options& o) { return o.val_while_train; }
bool Downloads(const Options& o) { return o.dataset_download; }
bool StartsFrom(const Options& o) { return !o.ckpt_path.empty(); }
bool HasCycles(const Options& o) { return FindSchedule(o.scheduler).has_cycles; }
bool HasMilestones(const Options& o) { return o.scheduler == "multi_step_decay"; }
bool CropsAnySize(const Options& o) {
  const Result<const DatasetInfo*> dataset = FindDataset(o.dataset);
  return !dataset.ok() || (*dataset)->train_crop == TrainCrop::kRandomResized;
}

constexpr std::string_view kRandomCrop = "a dataset of photographs: these pictures are cropped from their padding";

constexpr Dependence kDependences[] = {
    {"dataset_url", "--dataset_download", Downloads},
    {"dataset_checksums", "--dataset_download", Downloads},
    {"scale", kRandomCrop, CropsAnySize},
    {"ratio", kRandomCrop, CropsAnySize},
    {"re_scale", "--re_prob", Erases},
    {"re_ratio", "--re_prob", Erases},
    {"re_value", "--re_prob", Erases},
    {"re_max_attempts", "--re_prob", Erases},
    {"resume_opt", "--ckpt_path", StartsFrom},
    {"clip_value", "--clip_grad", Clips},
    {"ema_decay", "--ema", Averages},
    {"multi_step_decay_milestones", "--scheduler=multi_step_decay", HasMilestones},
    {"num_cycles", "--scheduler=cosine_decay or cyclic", HasCycles},
    {"cycle_decay", "--scheduler=cosine_decay or cyclic", HasCycles},
    {"cutmix_prob", "--mixup or --cutmix", Mixes},
    {"distill_type", "--teacher_ckpt", Distils},
    {"distill_weight", "--teacher_ckpt", Distils},
    {"distill_temperature", "--teacher_ckpt", Distils},
    {"distill_alpha", "--teacher_ckpt and --distill_type=decoupled", DistilsDecoupled},
    {"distill_beta", "--teacher_ckpt and --distill_type=decoupled", DistilsDecoupled},
    {"val_interval", "--val_while_train", Validates},
};

}  // namespace

std::span<const Dependence> Dependences() { return kDependences; }

std::string IdleNote(const Settings& settings) {
  std::string note;
  for (const Dependence& d : kDependences) {
    const auto origin = settings.origins.find(d.option);
    if (origin == settings.origins.end() || origin->second != kCommandLine || d.counts(settings.options)) continue;
    note += fmt::format("{} --{} (needs {})", note.empty() ? "Without effect here:" : ",", d.option, d.needs);
  }
  return note;
}

}  // namespace riffle
