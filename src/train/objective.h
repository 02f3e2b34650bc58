// What training minimises: from a batch to the pictures that the network sees, and from its logits to the loss and its
// gradient.
#pragma once

#include <memory>
#include <vector>

#include "data/loader.h"
#include "ops/op_table.h"
#include "train/checkpoint.h"
#include "train/label_loss.h"
#include "train/mix.h"
#include "train/options.h"

namespace riffle {

/// Two calls for each batch: Begin before the network's forward, Loss after it. What they do is a function of the
/// options and the batch, its position among it; nothing is kept from one batch to the next. Not thread-safe.
class Objective {
 public:
  /// `info` is that of the network to train: its description, classes and preprocessing. `ops` must outlive the
  /// objective. InvalidArgument if the options ask for what these cannot give.
  static Result<std::unique_ptr<Objective>> Create(const Options& options, const CheckpointInfo& info,
                                                   const OpTable<float>& ops);

  /// The height and width of the pictures of the next batches; at first those of the description.
  void SetImageSize(int size) { model_.image_size = size; }

  /// Mixes pictures and makes their targets. The pictures to train on: [in_channels][images·H·W], valid until the next
  /// Begin and as long as the batch.
  Rows<const float> Begin(const Batch& batch);

  /// The sum of the losses of the pictures of the last Begin; logits and dlogits: [images][classes]. The gradient is
  /// that of `share` times the batch's loss, by the option `reduction` the mean over its pictures or their sum: 1 where
  /// each batch makes a step, 1 / steps where several are accumulated.
  double Loss(const float* logits, double share, float* dlogits);

  /// What a label costs; validation takes the same.
  LabelLoss& label_loss() { return label_loss_; }

 private:
  Objective(const Options& options, const CheckpointInfo& info, LabelLoss label_loss);
  Rows<const float> Mixed(const Mix& mix, const Batch& batch);

  const Options options_;
  ModelDescription model_;  // with the size of the pictures to train on
  LabelLoss label_loss_;
  int images_ = 0;
  AlignedArray<float> mixed_;
  std::vector<float> targets_, losses_;
};

}  // namespace riffle
