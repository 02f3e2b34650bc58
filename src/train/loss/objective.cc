#include "train/loss/objective.h"

#include <numeric>
#include <utility>

#include "train/batch_check.h"

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
      teacher_(std::move(teacher)),
      input_(execution, ops) {}

Status Objective::SetImageSize(int size) {
  model_.image_size = size;
  return teacher_ ? teacher_->SetImageSize(size) : Status{};
}

Result<Rows<const float>> Objective::Begin(const Batch& batch) {
  RIFFLE_TRY(CheckBatch(batch, model_));
  images_ = batch.images;
  global_images_ = batch.global_images();
  splits_ = batch.splits;
  if (images_ == 0) return Rows<const float>{};
  const int64_t size = model_.image_size;
  Device& device = execution_.device;
  device.FinishUploads();                                 // of the targets before
  Rows<const float> pictures = input_.PicturesOf(batch);  // first: they go up beside the ops of the step before
  const auto values = static_cast<size_t>(images_) * model_.num_classes;
  if (targets_.size() < values) {
    targets_.Reserve(device, values);
    host_targets_ = StagingArray<float>(device, values);
  }
  label_loss_.MakeTargets(batch.labels, host_targets_.data());
  device.Upload(targets_.data(), host_targets_.data(), values * sizeof(float));
  if (const Mix mix = DrawMix(options_.mix, batch.position, size, size); mix.kind != Mix::Kind::kNone) {
    ops_.mix_targets(execution_, {images_, model_.num_classes},
                     {.targets = targets_.data(), .own_share = mix.own_share});
    pictures = Mixed(mix, pictures);
  }
  if (teacher_) teacher_logits_ = teacher_->Run(images_, pictures);
  return pictures;
}

Rows<const float> Objective::Mixed(const Mix& mix, Rows<const float> pictures) {
  const int64_t size = model_.image_size;
  mixed_.Reserve(execution_.device, model_.in_channels * pictures.stride);
  const Rows<float> mixed = {mixed_.data(), pictures.stride};
  ops_.mix_pictures(execution_, {model_.in_channels, {images_, size, size}, mix},
                    {.mixed = mixed, .pictures = pictures});
  return mixed;
}

void Objective::Loss(const float* logits, double share, float* dlogits) {
  const int classes = model_.num_classes, samples = images_ / splits_;
  // What the mean over this process's pictures counts.
  const double of_mean = share * (images_ / static_cast<double>(options_.label.sums ? 1 : global_images_));
  if (images_ == 0) return;
  losses_.Reserve(execution_.device, samples + images_);
  const double sample_weight = of_mean * LabelShare() / samples;
  label_loss_.Run(samples, logits, targets_.data(), sample_weight, losses_.data(), dlogits);
  if (splits_ > 1)
    ops_.jensen_shannon(execution_, {.splits = splits_, .samples = samples, .classes = classes},
                        {.loss = losses_.data(),
                         .dlogits = dlogits,
                         .logits = logits,
                         .alpha = kJensenShannonWeight,
                         .weight = sample_weight});
  if (!teacher_) return;
  ops_.distillation(execution_, {images_, classes}, options_.distillation,
                    {.loss = losses_.data() + samples,
                     .dlogits = dlogits,
                     .student = logits,
                     .teacher = teacher_logits_,
                     .targets = targets_.data(),
                     .weight = of_mean * options_.distill_weight / images_});
}

void Objective::KeepLosses() {
  BatchLosses kept;
  if (!read_.empty()) {
    kept = std::move(read_.back());
    read_.pop_back();
  }
  kept.images = images_;
  kept.splits = splits_;
  const size_t values = images_ / splits_ + (teacher_ ? images_ : 0);
  if (kept.size < values) kept = {images_, splits_, values, StagingArray<float>(execution_.device, values)};
  if (values > 0) execution_.device.Download(kept.values.data(), losses_.data(), values * sizeof(float));
  unread_.push_back(std::move(kept));
}

std::vector<double> Objective::ReadLosses() {
  if (!unread_.empty()) execution_.Synchronize();
  std::vector<double> sums;
  for (BatchLosses& losses : unread_) {
    const int samples = losses.images / losses.splits;
    const float *of_labels = losses.values.data(), *from_teacher = of_labels + samples;
    sums.push_back(
        LabelShare() * (losses.splits * std::accumulate(of_labels, from_teacher, 0.0)) +
        (teacher_ ? options_.distill_weight * std::accumulate(from_teacher, from_teacher + losses.images, 0.0) : 0));
    read_.push_back(std::move(losses));
  }
  unread_.clear();
  return sums;
}

}  // namespace riffle
