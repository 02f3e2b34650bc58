#include "train/loss/objective.h"

#include <numeric>

#include "train/loop/batch_check.h"

namespace riffle {
namespace {

constexpr double kJensenShannonWeight = 12;  // AugMix, section 3

}  // namespace

Result<std::unique_ptr<Objective>> Objective::Create(const Execution& execution, const ObjectiveOptions& options,
                                                     const CheckpointInfo& info, const OpTable<float>& ops) {
  std::unique_ptr<Teacher> teacher;
  if (!options.teacher_ckpt.empty()) {
    if (options.distillation.decoupled && info.model.num_classes < 2)
      return InvalidArgument(
          "option distill_type: 'decoupled' compares a class with the others, and there is only one");
    RIFFLE_ASSIGN(teacher, Teacher::Create(execution, options.teacher_ckpt, info, ops));
  }
  return std::unique_ptr<Objective>(new Objective(execution, options, info, ops, std::move(teacher)));
}

Objective::Objective(const Execution& execution, const ObjectiveOptions& options, const CheckpointInfo& info,
                     const OpTable<float>& ops, std::unique_ptr<Teacher> teacher)
    : execution_(execution),
      options_(options),
      model_(info.model),
      ops_(ops),
      label_loss_(execution, options.label, info.model.num_classes, ops),
      teacher_(std::move(teacher)) {}

Status Objective::SetImageSize(int size) {
  model_.image_size = size;
  return teacher_ ? teacher_->SetImageSize(size) : Status{};
}

Result<Rows<const float>> Objective::Begin(const Batch& batch) {
  RIFFLE_TRY(CheckBatch(batch, model_));
  images_ = batch.images;
  splits_ = batch.splits;
  const int64_t size = model_.image_size;
  targets_.resize(static_cast<size_t>(images_) * model_.num_classes);
  label_loss_.MakeTargets(batch.labels, targets_.data());
  Rows<const float> pictures = batch.pixels;
  if (const Mix mix = DrawMix(options_.mix, batch.position, size, size); mix.kind != Mix::Kind::kNone) {
    ops_.mix_targets(execution_, {images_, model_.num_classes},
                     {.targets = targets_.data(), .own_share = mix.own_share});
    pictures = Mixed(mix, batch);
  }
  if (teacher_) {
    teacher_logits_.resize(targets_.size());
    teacher_->Run(images_, pictures, teacher_logits_.data());
  }
  return pictures;
}

Rows<const float> Objective::Mixed(const Mix& mix, const Batch& batch) {
  const int64_t size = model_.image_size;
  const size_t needed = static_cast<size_t>(model_.in_channels * batch.pixels.stride);
  if (mixed_.size() < needed) mixed_ = AlignedArray<float>(needed);
  const Rows<float> mixed = {mixed_.data(), batch.pixels.stride};
  ops_.mix_pictures(execution_, {model_.in_channels, {images_, size, size}, mix},
                    {.mixed = mixed, .pictures = batch.pixels});
  return mixed;
}

void Objective::Loss(const float* logits, double share, float* dlogits) {
  const int classes = model_.num_classes, samples = images_ / splits_;
  const double of_mean = options_.label.sums ? share * images_ : share;
  BatchLosses& losses = unread_.emplace_back(BatchLosses{.splits = splits_, .label = std::vector<float>(samples)});
  const double sample_weight = of_mean * LabelShare() / samples;
  label_loss_.Run(samples, logits, targets_.data(), sample_weight, losses.label.data(), dlogits);
  if (splits_ > 1)
    ops_.jensen_shannon(execution_, {.splits = splits_, .samples = samples, .classes = classes},
                        {.loss = losses.label.data(),
                         .dlogits = dlogits,
                         .logits = logits,
                         .alpha = kJensenShannonWeight,
                         .weight = sample_weight});
  if (!teacher_) return;
  losses.distillation.resize(images_);
  ops_.distillation(execution_, {images_, classes}, options_.distillation,
                    {.loss = losses.distillation.data(),
                     .dlogits = dlogits,
                     .student = logits,
                     .teacher = teacher_logits_.data(),
                     .targets = targets_.data(),
                     .weight = of_mean * options_.distill_weight / images_});
}

std::vector<double> Objective::ReadLosses() {
  execution_.Synchronize();
  const auto sum = [](const std::vector<float>& losses) { return std::accumulate(losses.begin(), losses.end(), 0.0); };
  std::vector<double> sums;
  for (const BatchLosses& losses : unread_)
    sums.push_back(LabelShare() * (losses.splits * sum(losses.label)) +
                   (teacher_ ? options_.distill_weight * sum(losses.distillation) : 0));
  unread_.clear();
  return sums;
}

}  // namespace riffle
