// The network as something to measure: inference and training steps on fixed random pictures.
#pragma once

#include <memory>
#include <vector>

#include "backend/recordings.h"
#include "bench/measure.h"
#include "model/network.h"
#include "runtime/session.h"
#include "train/parallel/gradient_reducer.h"
#include "train/update/optimizer.h"

namespace riffle {

/// Pictures of random numbers, and labels; the same for the same sizes. Those of large batches come several times.
struct BenchBatch {
  BenchBatch(const ModelDescription& model, int64_t image_count);

  Rows<const float> pictures() const { return {pixels.data(), stride}; }

  int64_t images;
  int64_t stride;               ///< from one channel's row to the next
  AlignedArray<float> pixels;   ///< of the host: [in_channels][images·H·W], normal
  std::vector<int32_t> labels;  ///< [images]
};

/// Weights as a trained network's: initialised, gamma and beta spread around 1 and 0, running statistics those of a
/// few random pictures, so that the activations of inference stay in a range where a comparison of outputs means
/// something.
void FillBenchWeights(const Execution& execution, const Plan& plan, const OpTable<float>& ops,
                      ParameterValues<float>* values);

class InferenceWorkload {
 public:
  /// Its ops run on `execution`; `ops` must outlive the workload.
  InferenceWorkload(const Execution& execution, const Plan& plan, const OpTable<float>& ops, int64_t images,
                    MapType maps = MapType::kFloat);

  /// On pictures that are where ops read them.
  void Run();
  Workload AsWorkload();

  Session& session() { return session_; }
  double map_bytes() const { return BytesOf(maps_); }  ///< of a value
  const BenchBatch& batch() const { return batch_; }
  const std::vector<float>& logits() const { return logits_; }  ///< [images][classes], of the last Run

 private:
  const MapType maps_;
  Session session_;
  BenchBatch batch_;
  DeviceInput<float> input_;
  Rows<const float> pictures_;  // of the batch, where ops read them
  std::vector<float> logits_;
};

/// The options of the step, those of MindCV's recipe but for the rate: a small one keeps the loss of the one batch, and
/// thereby the gradients, away from zero, and the losses of the first steps comparable (a larger one multiplies the
/// rounding of single precision by about ten in each step).
inline constexpr double kBenchLearningRate = 0.0001;
inline constexpr double kBenchMomentum = 0.9;
inline constexpr double kBenchWeightDecay = 4e-5;
inline constexpr double kBenchLabelSmoothing = 0.1;

class TrainingWorkload {
 public:
  /// Its ops run on `execution`; `plan` and `ops` must outlive the workload. REQUIRES: the backend has ops for `maps`.
  TrainingWorkload(const Execution& execution, const Plan& plan, const OpTable<float>& ops, int64_t images,
                   MapType maps = MapType::kFloat);

  /// Forward, loss, backward, optimizer; returns the mean loss.
  double Run();

  /// From now on the gradients are summed over processes, while backward goes on; null: no longer. `reducer` must
  /// outlive that. A sum that fails shows in Reduced().
  void ReduceBy(GradientReducer* reducer);
  const Status& Reduced() const { return reduced_; }
  Workload AsWorkload();

  TrainingNetwork<float>& network() { return *network_; }
  const Execution& execution() const { return execution_; }
  double map_bytes() const { return BytesOf(maps_); }  ///< of a value
  const BenchBatch& batch() const { return batch_; }

 private:
  void EnqueueStep();

  const Execution execution_;
  const Plan& plan_;
  const OpTable<float>& ops_;
  const MapType maps_;
  const std::unique_ptr<TrainingNetwork<float>> network_;
  Optimizer optimizer_;
  GradientReducer* reducer_ = nullptr;
  Status reduced_;
  int64_t steps_ = 0;
  BenchBatch batch_;
  DeviceInput<float> input_;
  Rows<const float> pictures_;  // of the batch, where ops read them
  DeviceArray<float> targets_, losses_;
  Recordings<int> recordings_;  // of the step: one kind
};

}  // namespace riffle
