#include "train/loss/label_loss.h"

#include <algorithm>
#include <cmath>

namespace riffle {

void SmoothedTargets(std::span<const int32_t> labels, int classes, double smoothing, float* targets) {
  const float off = static_cast<float>(smoothing / classes),
              on = static_cast<float>(1 - smoothing + smoothing / classes);
  std::fill_n(targets, labels.size() * classes, off);
  for (size_t n = 0; n < labels.size(); ++n) targets[n * classes + labels[n]] = on;
}

void BinaryCrossEntropy(const Execution& execution, const CrossEntropyShape& shape, const CrossEntropy<float>& args,
                        double scale, std::span<const float> class_weights) {
  execution.pool.ParallelFor(shape.images, [&](int64_t n) {
    double loss = 0;
    for (int k = 0; k < shape.classes; ++k) {
      const int64_t at = n * shape.classes + k;
      const double z = args.logits[at], target = args.targets[at];
      const double weight = class_weights.empty() ? 1 : class_weights[k];
      const double small = std::exp(-std::abs(z));  // no exponential overflows
      loss += weight * (std::max(z, 0.0) + std::log1p(small) - target * z);
      if (!args.dlogits) continue;
      const double sigmoid = (z < 0 ? small : 1) / (1 + small);
      args.dlogits[at] = static_cast<float>(args.weight * scale * weight * (sigmoid - target));
    }
    args.loss[n] = static_cast<float>(scale * loss);
  });
}

LabelLoss::LabelLoss(const Execution& execution, const LabelLossOptions& options, int classes,
                     const OpTable<float>& ops)
    : execution_(execution), options_(options), classes_(classes), ops_(&ops) {}

void LabelLoss::MakeTargets(std::span<const int32_t> labels, float* targets) const {
  SmoothedTargets(labels, classes_, options_.label_smoothing, targets);
}

void LabelLoss::Run(int64_t images, const float* logits, const float* targets, double weight, float* losses,
                    float* dlogits) {
  const CrossEntropyShape shape = {images, classes_};
  CrossEntropy<float> args = {
      .loss = losses, .dlogits = dlogits, .logits = logits, .targets = targets, .weight = static_cast<float>(weight)};
  if (options_.kind == LabelLossOptions::Kind::kBinaryCrossEntropy)
    return BinaryCrossEntropy(execution_, shape, args, options_.sums ? 1 : 1.0 / classes_, options_.class_weights);
  if (!options_.class_weights.empty()) {  // cross-entropy is linear in its targets
    weighted_targets_.assign(targets, targets + images * classes_);
    for (size_t i = 0; i < weighted_targets_.size(); ++i) weighted_targets_[i] *= options_.class_weights[i % classes_];
    args.targets = weighted_targets_.data();
  }
  ops_->cross_entropy(execution_, shape, args);
}

}  // namespace riffle
