#include "settings/train_options.h"

#include "settings/processes.h"
#include "train/loss/class_weights.h"

namespace riffle {
namespace {

RetentionPolicy RetentionPolicyFrom(const Options& o) {
  if (o.ckpt_save_policy == "latest_k") return RetentionPolicy::kLatest;
  return o.ckpt_save_policy == "top_k" ? RetentionPolicy::kBest : RetentionPolicy::kAll;
}

Distillation DistillationFrom(const Options& o) {
  return {.decoupled = o.distill_type == "decoupled",
          .temperature = o.distill_temperature,
          .alpha = o.distill_alpha,
          .beta = o.distill_beta};
}

OptimizerOptions OptimizerOptionsFrom(const Options& o) {
  return {.rule = &FindUpdateRule(o.use_nesterov ? "nesterov" : o.opt),
          .momentum = o.momentum,
          .betas = o.betas,
          .eps = o.eps,
          .policy = {.weight_decay = o.weight_decay,
                     .decays_norms = o.weight_decay_filter == "disable",
                     .layer_decay = o.layer_decay.value_or(1),
                     .freezes_body = o.freeze == "body"}};
}

}  // namespace

Retention RetentionFrom(const Options& o) { return {.policy = RetentionPolicyFrom(o), .keep = o.keep_checkpoint_max}; }

ScheduleOptions ScheduleOptionsFrom(const Options& o, int processes) {
  const double factor = LearningRateFactor(o, processes);
  return {.schedule = &FindSchedule(o.scheduler),
          .epoch_size = o.epoch_size,
          .lr = factor * o.lr,
          .min_lr = factor * o.min_lr,
          .warmup_epochs = o.warmup_epochs,
          .warmup_factor = o.warmup_factor,
          .decay_epochs = *o.decay_epochs,
          .decay_rate = o.decay_rate,
          .multi_step_decay_milestones = o.multi_step_decay_milestones,
          .num_cycles = o.num_cycles,
          .cycle_decay = o.cycle_decay,
          .lr_epoch_stair = o.lr_epoch_stair};
}

Result<LabelLossOptions> LabelLossOptionsFrom(const Options& o, int classes) {
  using enum LabelLossOptions::Kind;
  RIFFLE_ASSIGN(std::vector<float> class_weights, ParseClassWeights(o.class_weights, classes));
  return LabelLossOptions{.kind = o.loss == "BCE" ? kBinaryCrossEntropy : kCrossEntropy,
                          .label_smoothing = o.label_smoothing,
                          .class_weights = std::move(class_weights),
                          .sums = o.reduction == "sum"};
}

/// REQUIRES: one of the table's choices.
OnNan OnNanFrom(const Options& o) {
  if (o.on_nan == "skip") return OnNan::kSkip;
  return o.on_nan == "rollback" ? OnNan::kRollback : OnNan::kStop;
}

Result<TrainerOptions> TrainerOptionsFrom(const Options& o, int classes, int processes) {
  const auto seed = static_cast<uint64_t>(o.seed);
  RIFFLE_ASSIGN(LabelLossOptions label, LabelLossOptionsFrom(o, classes));
  return TrainerOptions{
      .schedule = ScheduleOptionsFrom(o, processes),
      .optimizer = OptimizerOptionsFrom(o),
      .objective = {.label = std::move(label),
                    .mix = {.mixup = o.mixup, .cutmix = o.cutmix, .cutmix_prob = o.cutmix_prob, .seed = seed},
                    .teacher_ckpt = o.teacher_ckpt,
                    .distill_weight = o.distill_weight,
                    .distillation = DistillationFrom(o)},
      .seed = seed,
      .zero_init_residual = o.zero_init_residual,
      .gradient_accumulation_steps = o.gradient_accumulation_steps,
      .on_nan = OnNanFrom(o),
      .clip_norm = o.clip_grad ? std::optional(o.clip_value) : std::nullopt,
      .ema_decay = o.ema ? std::optional(o.ema_decay) : std::nullopt,
      .bn_recalibration = o.bn_recalibration,
      .sync_bn = o.sync_bn,
      .nccl = o.nccl == "on"    ? NcclUse::kOn
              : o.nccl == "off" ? NcclUse::kOff
                                : NcclUse::kAuto,
      .val_interval = o.val_interval,
      .patience = o.patience,
      .max_minutes = o.max_minutes,
      .tta_flip = o.tta_flip,
      .ckpt_save_dir = o.ckpt_save_dir,
      .ckpt_save_interval = o.ckpt_save_interval,
      .ckpt_save_steps = o.ckpt_save_steps,
      .ckpt_save_minutes = o.ckpt_save_minutes,
      .retention = RetentionFrom(o)};
}

}  // namespace riffle
