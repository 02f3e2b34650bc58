#include "train/loss/objective.h"

#include <algorithm>
#include <numeric>

#include "train/loop/batch_check.h"
#include "train/loss/jensen_shannon.h"

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
      label_loss_(execution, options.label, info.model.num_classes, ops),
      teacher_(std::move(teacher)),
      input_(execution.device) {}

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
  Rows<const float> pictures = input_.PicturesOf(batch);
  if (const Mix mix = DrawMix(options_.mix, batch.position, size, size); mix.kind != Mix::Kind::kNone) {
    MixTargets(mix, images_, model_.num_classes, targets_.data());
    pictures = Mixed(mix, pictures);
  }
  if (teacher_) {
    teacher_logits_.resize(targets_.size());
    teacher_->Run(images_, pictures, teacher_logits_.data());
  }
  return pictures;
}

Rows<const float> Objective::Mixed(const Mix& mix, Rows<const float> pictures) {
  const int64_t size = model_.image_size;
  mixed_.Reserve(execution_.device, model_.in_channels * pictures.stride);
  const Rows<float> mixed = {mixed_.data(), pictures.stride};
  MixPictures(execution_, mix, model_.in_channels, images_, size, size, pictures, mixed);
  return mixed;
}

double Objective::Loss(const float* logits, double share, float* dlogits) {
  const int classes = model_.num_classes, samples = images_ / splits_;
  const double of_labels = teacher_ ? 1 - options_.distill_weight : 1;
  const double of_mean = options_.label.sums ? share * images_ : share;
  losses_.assign(images_, 0);
  const double sample_weight = of_mean * of_labels / samples;
  label_loss_.Run(samples, logits, targets_.data(), sample_weight, losses_.data(), dlogits);
  if (splits_ > 1) {
    std::fill(dlogits + samples * classes, dlogits + images_ * classes, 0.0f);
    AddJensenShannon(execution_, splits_, samples, classes, kJensenShannonWeight, sample_weight, logits, losses_.data(),
                     dlogits);
  }
  execution_.Synchronize();
  const double label_sum = splits_ * std::accumulate(losses_.begin(), losses_.end(), 0.0);
  if (!teacher_) return label_sum;
  losses_.assign(images_, 0);
  AddDistillation(execution_, options_.distillation, images_, classes, targets_.data(), teacher_logits_.data(), logits,
                  of_mean * options_.distill_weight / images_, losses_.data(), dlogits);
  return of_labels * label_sum + options_.distill_weight * std::accumulate(losses_.begin(), losses_.end(), 0.0);
}

}  // namespace riffle
