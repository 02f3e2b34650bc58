// The loss of labels: what a picture's class costs, given its logits. Training and validation share it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/device_array.h"
#include "ops/op_table.h"

namespace riffle {

/// targets[n][k]: the distribution that a picture of class label[n] should give: 1 − smoothing + smoothing / classes
/// for its class, smoothing / classes for each other.
void SmoothedTargets(std::span<const int32_t> labels, int classes, double smoothing, float* targets);

/// The options loss, label_smoothing, class_weights and reduction.
struct LabelLossOptions {
  enum class Kind { kCrossEntropy, kBinaryCrossEntropy };
  Kind kind = Kind::kCrossEntropy;
  double label_smoothing = 0;
  std::vector<float> class_weights;  ///< one for each class; empty: each counts 1
  bool sums = false;                 ///< reduction 'sum'
};

/// The op that they choose: cross_entropy, or binary_cross_entropy, of which the loss is the mean over the classes, and
/// their sum where it sums. Not thread-safe.
class LabelLoss {
 public:
  /// Its ops run on `execution`; `ops` must outlive the loss. REQUIRES: class weights of `classes` classes, or none.
  LabelLoss(const Execution& execution, const LabelLossOptions& options, int classes, const OpTable<float>& ops);

  /// [images][classes]: what Run takes, before any mixing.
  void MakeTargets(std::span<const int32_t> labels, float* targets) const;

  /// Enqueued as an op is. losses: [images]. dlogits, if not null: `weight` times the gradient of their sum. The rest:
  /// [images][classes].
  void Run(int64_t images, const float* logits, const float* targets, double weight, float* losses, float* dlogits);

 private:
  const Execution execution_;
  const LabelLossOptions options_;
  const int classes_;
  const OpTable<float>& ops_;
  const DeviceArray<float> class_weights_;  // empty: each counts 1
};

}  // namespace riffle
