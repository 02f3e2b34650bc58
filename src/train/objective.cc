#include "train/objective.h"

#include <numeric>

#include "train/evaluate.h"

namespace riffle {

Result<std::unique_ptr<Objective>> Objective::Create(const Options& options, const CheckpointInfo& info,
                                                     const OpTable<float>& ops) {
  return std::unique_ptr<Objective>(new Objective(options, info, ops));
}

Objective::Objective(const Options& options, const CheckpointInfo& info, const OpTable<float>& ops)
    : classes_(info.model.num_classes), label_smoothing_(options.label_smoothing), ops_(ops) {}

Rows<const float> Objective::Begin(const Batch& batch) {
  images_ = batch.images;
  targets_.resize(static_cast<size_t>(images_) * classes_);
  losses_.resize(static_cast<size_t>(images_));
  SmoothedTargets(batch.labels, classes_, label_smoothing_, targets_.data());
  return batch.pixels;
}

double Objective::Loss(const float* logits, double share, float* dlogits) {
  ops_.cross_entropy({images_, classes_}, {.loss = losses_.data(),
                                           .dlogits = dlogits,
                                           .logits = logits,
                                           .targets = targets_.data(),
                                           .weight = static_cast<float>(share / images_)});
  return std::accumulate(losses_.begin(), losses_.end(), 0.0);
}

}  // namespace riffle
