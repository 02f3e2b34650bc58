#include "train/loss/label_loss.h"

#include <algorithm>

namespace riffle {

void SmoothedTargets(std::span<const int32_t> labels, int classes, double smoothing, float* targets) {
  const float off = static_cast<float>(smoothing / classes),
              on = static_cast<float>(1 - smoothing + smoothing / classes);
  std::fill_n(targets, labels.size() * classes, off);
  for (size_t n = 0; n < labels.size(); ++n) targets[n * classes + labels[n]] = on;
}

LabelLoss::LabelLoss(const Execution& execution, const LabelLossOptions& options, int classes,
                     const OpTable<float>& ops)
    : execution_(execution),
      options_(options),
      classes_(classes),
      ops_(ops),
      class_weights_(execution.device, options.class_weights) {}

void LabelLoss::MakeTargets(std::span<const int32_t> labels, float* targets) const {
  SmoothedTargets(labels, classes_, options_.label_smoothing, targets);
}

void LabelLoss::Run(int64_t images, const float* logits, const float* targets, double weight, float* losses,
                    float* dlogits) {
  const LogitsShape shape = {images, classes_};
  const float weight_of_picture = static_cast<float>(weight);
  switch (options_.kind) {
    case LabelLossOptions::Kind::kCrossEntropy:
      return ops_.cross_entropy(execution_, shape,
                                {.loss = losses,
                                 .dlogits = dlogits,
                                 .logits = logits,
                                 .targets = targets,
                                 .weight = weight_of_picture,
                                 .class_weights = class_weights_.data()});
    case LabelLossOptions::Kind::kBinaryCrossEntropy:
      return ops_.binary_cross_entropy(execution_, shape,
                                       {.loss = losses,
                                        .dlogits = dlogits,
                                        .logits = logits,
                                        .targets = targets,
                                        .weight = weight_of_picture,
                                        .class_weights = class_weights_.data(),
                                        .scale = options_.sums ? 1 : 1.0 / classes_});
  }
}

}  // namespace riffle
