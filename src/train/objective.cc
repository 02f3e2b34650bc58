#include "train/objective.h"

#include <numeric>

namespace riffle {

Result<std::unique_ptr<Objective>> Objective::Create(const Options& options, const CheckpointInfo& info,
                                                     const OpTable<float>& ops) {
  RIFFLE_ASSIGN(LabelLoss label_loss, LabelLoss::Create(options, info.model.num_classes, ops));
  return std::unique_ptr<Objective>(new Objective(options, info, std::move(label_loss)));
}

Objective::Objective(const Options& options, const CheckpointInfo& info, LabelLoss label_loss)
    : classes_(info.model.num_classes),
      sums_pictures_(options.reduction == "sum"),
      label_loss_(std::move(label_loss)) {}

Rows<const float> Objective::Begin(const Batch& batch) {
  images_ = batch.images;
  targets_.resize(static_cast<size_t>(images_) * classes_);
  losses_.resize(static_cast<size_t>(images_));
  label_loss_.MakeTargets(batch.labels, targets_.data());
  return batch.pixels;
}

double Objective::Loss(const float* logits, double share, float* dlogits) {
  const double weight = sums_pictures_ ? share : share / images_;
  label_loss_.Run(images_, logits, targets_.data(), weight, losses_.data(), dlogits);
  return std::accumulate(losses_.begin(), losses_.end(), 0.0);
}

}  // namespace riffle
