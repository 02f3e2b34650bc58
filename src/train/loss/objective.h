// What training minimises: from a batch to the pictures that the network sees, and from its logits to the loss and its
// gradient.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "data/batch.h"
#include "ops/op_table.h"
#include "train/batch_input.h"
#include "train/loss/label_loss.h"
#include "train/loss/mix.h"
#include "train/loss/teacher.h"

namespace riffle {

/// What is minimised: the options of the group Loss.
struct ObjectiveOptions {
  LabelLossOptions label;
  MixOptions mix;
  std::string teacher_ckpt;     ///< none: labels alone
  double distill_weight = 0.5;  ///< of the teacher; labels have the rest
  Distillation distillation;
};

/// Three calls for each batch: Begin before the network's forward, Loss after it, and KeepLosses. What they do is a
/// function of the options and the batch, its position among it. What the batches cost is kept until it is read. Not
/// thread-safe.
class Objective {
 public:
  /// `info` is that of the network to train: its description, classes and preprocessing. `ops` must outlive the
  /// objective. Errors: InvalidArgument if the options ask for what these cannot give, and those of Teacher::Create.
  static Result<std::unique_ptr<Objective>> Create(const Execution& execution, const ObjectiveOptions& options,
                                                   const CheckpointInfo& info, const OpTable<float>& ops);

  /// The height and width of the pictures of the next batches; at first those of the description. Errors: those of
  /// Teacher::SetImageSize.
  Status SetImageSize(int size);

  /// Mixes pictures, makes their targets and asks the teacher. The pictures to train on: [in_channels][images·H·W],
  /// valid until the next Begin and as long as the batch; nothing where it has none. Errors: those of CheckBatch.
  Result<Rows<const float>> Begin(const Batch& batch);

  /// The gradient of the pictures of the last Begin, enqueued as an op is; logits and dlogits: [images][classes]. It is
  /// that of `share` times the batch's loss, by the option `reduction` the mean over its pictures or their sum: 1 where
  /// each batch makes a step, 1 / steps where several are accumulated. Of a batch that processes share, the gradient of
  /// each is a part, and their sum is that of the batch. The loss of a picture is
  ///   its label's; of a sample in several versions, the clean one's, plus 12 times their Jensen-Shannon divergence;
  ///   with a teacher, that times 1 − distill_weight, plus distill_weight times the divergence from the teacher.
  /// For batches of a kind (pictures and versions, here and at all processes, and share) each time the same ops.
  void Loss(const float* logits, double share, float* dlogits);

  /// Sends the losses of the last Loss to the host, where ReadLosses finds them. Enqueued as an op is.
  void KeepLosses();

  /// For each KeepLosses since the last ReadLosses, in their order, the sum of the losses of the batch's pictures.
  /// Waits for the ops: to be called when somebody wants to know.
  std::vector<double> ReadLosses();

  /// What a label costs; validation takes the same.
  LabelLoss& label_loss() { return label_loss_; }

 private:
  /// What the pictures of a batch cost, on its way to the host: of the samples what labels cost, then with a teacher of
  /// the images the divergence from it.
  struct BatchLosses {
    int images = 0, splits = 1;
    size_t size = 0;  // of values
    StagingArray<float> values;
  };

  Objective(const Execution& execution, const ObjectiveOptions& options, const CheckpointInfo& info,
            const OpTable<float>& ops, std::unique_ptr<Teacher> teacher);
  Rows<const float> Mixed(const Mix& mix, Rows<const float> pictures);
  /// The share of what labels say in the loss.
  double LabelShare() const { return teacher_ ? 1 - options_.distill_weight : 1; }

  const Execution execution_;
  const ObjectiveOptions options_;
  ModelDescription model_;  // with the size of the pictures to train on
  const OpTable<float>& ops_;
  LabelLoss label_loss_;
  const std::unique_ptr<Teacher> teacher_;  // null: none
  // Of the last Begin:
  int images_ = 0, splits_ = 1;
  int64_t global_images_ = 0;
  BatchInput input_;
  DeviceArray<float> mixed_;
  StagingArray<float> host_targets_;        // as many as targets_
  DeviceArray<float> targets_;              // [images][classes]
  const float* teacher_logits_ = nullptr;   // [images][classes]
  DeviceArray<float> losses_;               // as BatchLosses::values
  std::vector<BatchLosses> unread_, read_;  // what was read is used again
};

}  // namespace riffle
