// The loss of labels: what a picture's class costs, given its logits. Training and validation share it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/op_table.h"

namespace riffle {

/// targets[n][k]: the distribution that a picture of class label[n] should give: 1 − smoothing + smoothing / classes
/// for its class, smoothing / classes for each other.
void SmoothedTargets(std::span<const int32_t> labels, int classes, double smoothing, float* targets);

/// Binary cross-entropy of each class with its sigmoid, as CrossEntropy's softmax (the arguments are the same):
///   loss[n] = scale · Σ_k w[k] · (softplus(z[n][k]) − targets[n][k] · z[n][k])
///   dlogits[n][k] = weight · scale · w[k] · (sigmoid(z[n][k]) − targets[n][k])
/// class_weights: [classes], or empty for 1.
void BinaryCrossEntropy(const Execution& execution, const CrossEntropyShape& shape, const CrossEntropy<float>& args,
                        double scale, std::span<const float> class_weights);

/// The options loss, label_smoothing, class_weights and reduction.
struct LabelLossOptions {
  enum class Kind { kCrossEntropy, kBinaryCrossEntropy };
  Kind kind = Kind::kCrossEntropy;
  double label_smoothing = 0;
  std::vector<float> class_weights;  ///< one for each class; empty: each counts 1
  bool sums = false;                 ///< reduction 'sum'
};

/// The loss that they choose, with w = class_weights:
///   CE   −Σ_k w[k] · target[k] · log softmax(z)[k], as PyTorch weights soft targets
///   BCE  the mean over the classes of w[k] times the binary cross-entropy; their sum where it sums
/// Not thread-safe.
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
  const OpTable<float>* ops_;
  std::vector<float> weighted_targets_;
};

}  // namespace riffle
