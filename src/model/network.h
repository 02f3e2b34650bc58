// Runs a plan forward and backward on a batch: the training engine. It knows where every map, gradient and statistic
// lies in its device's memory and hands pointers to the ops; it never reads or writes a value itself.
#pragma once

#include <memory>
#include <vector>

#include "backend/device_array.h"
#include "base/bfloat16.h"
#include "model/op_shapes.h"
#include "model/plan.h"
#include "model/row_indices.h"
#include "model/shared_batch.h"
#include "model/step_observer.h"
#include "ops/op_table.h"

namespace riffle {

/// Which statistics batch norm uses.
enum class Statistics {
  kBatch,    ///< the batch's own, and the running ones are updated: training
  kRunning,  ///< the running ones, left as they are: evaluation
};

/// What training drives, whatever its maps hold. Not thread-safe. T is float, or double for oracle tests.
template <class T>
class TrainingNetwork {
 public:
  virtual ~TrainingNetwork() = default;

  const Execution& execution() const { return execution_; }
  const Plan& plan() const { return *plan_; }
  DeviceParameterValues<T>& values() { return values_; }
  const DeviceParameterValues<T>& values() const { return values_; }
  /// Laid out as values().trainable; overwritten by Backward().
  DeviceArray<T>& gradients() { return gradients_; }

  /// The logits [images][classes], there after Synchronize() and valid until the next Forward.
  /// pictures: [in_channels][images·H·W], normalised; must stay as it is until Backward has returned.
  /// No images: null; a process that has none of a shared batch takes part in the exchange of statistics alone.
  virtual const T* Forward(BatchShare images, Rows<const T> pictures, Statistics statistics) = 0;
  /// Of a batch of one's own.
  const T* Forward(int64_t images, Rows<const T> pictures, Statistics statistics) {
    return Forward(BatchShare{images, images}, pictures, statistics);
  }

  /// [images][classes] for the images of the last Forward: the loss writes here what Backward starts from.
  /// Null where it had none.
  virtual T* dlogits() = 0;

  /// Gradients of all trainable parameters; zero where the last Forward had no images. REQUIRES: a Forward with
  /// Statistics::kBatch, and dlogits() written.
  virtual void Backward() = 0;

  /// The gradient of the head alone, for a body that is frozen: no pass through it; the other gradients stay as they
  /// are. REQUIRES: a Forward, with whichever statistics, and dlogits() written.
  virtual void BackwardHead() = 0;

  /// From the next Forward on, the same network for pictures of another size: a plan whose model differs in image_size
  /// alone. Parameters and statistics stay, and so do the row permutations, which are the same. It must outlive the
  /// network.
  virtual void UsePlan(const Plan& plan) = 0;

  /// The share of the old running statistics that a Forward with Statistics::kBatch keeps, in place of the model's;
  /// with 0 they become those of the batch.
  void SetBnMomentum(double share) { bn_momentum_ = share; }
  double bn_momentum() const { return bn_momentum_; }

  /// Told of each step of the plan from now on; null: nobody. Must outlive the passes.
  void SetObserver(StepObserver* observer) { observer_ = observer; }
  bool observed() const { return observer_ != nullptr; }

  /// Told how much of gradients() is final, by Backward and BackwardHead; null: nobody. Must outlive the passes.
  void SetGradientListener(GradientListener* listener) { gradient_listener_ = listener; }

  /// From now on batch norm normalises by the statistics of all pictures of a batch, which `exchange` sums, and
  /// gradients() are this process's share of theirs. Null: by those of one's own. Must outlive the passes.
  virtual void SetStatisticsExchange(StatisticsExchange* exchange) = 0;

 protected:
  TrainingNetwork(const Execution& execution, const Plan& plan)
      : execution_(execution),
        plan_(&plan),
        bn_momentum_(plan.model.bn_momentum),
        values_(execution.device, plan.registry),
        gradients_(execution.device, plan.registry.trainable_arena_values()) {}

  const Execution execution_;
  const Plan* plan_;
  double bn_momentum_;
  DeviceParameterValues<T> values_;
  DeviceArray<T> gradients_;
  StepObserver* observer_ = nullptr;
  GradientListener* gradient_listener_ = nullptr;
};

/// A network whose maps hold values of type Map.
template <class T, class Map = T>
class Network final : public TrainingNetwork<T> {
  using Base = TrainingNetwork<T>;

 public:
  /// Its ops run on `execution`, its memory is that of the execution's device: all pointers that it takes and gives
  /// are. Parameters and statistics are zero. `plan` and `ops` must outlive the network.
  Network(const Execution& execution, const Plan& plan, const OpTable<T, Map>& ops);

  using Base::Forward;
  const T* Forward(BatchShare images, Rows<const T> pictures, Statistics statistics) override;
  T* dlogits() override;
  void Backward() override;
  void BackwardHead() override;
  void UsePlan(const Plan& plan) override;
  void SetStatisticsExchange(StatisticsExchange* exchange) override;

  /// Overwrites the memory of maps, their gradients and batch norm: nothing of it need survive from one Forward to the
  /// next. For tests, which thereby see whether something is read before it has been written.
  void FillWorkspace(T value);

 private:
  using Base::execution_, Base::plan_, Base::bn_momentum_, Base::values_, Base::gradients_, Base::observer_,
      Base::gradient_listener_;

  // Of one batch norm; all arrays by row of its raw map.
  struct NormState {
    Moments<T>* moments;
    GradientSums<T>* sums;
    PullBack<T>* pull_back;
    T *scale, *shift;
    int64_t pixels = 0;  // that the moments are of
    // Of a product that is not stored (ops/product_norm); else null.
    T *comoments = nullptr, *covariances = nullptr;
    T *weight = nullptr, *bias = nullptr;  // of the convolution with both batch norms folded in
  };

  void Bind(int64_t images);
  void ForwardStep(const Step& step, Statistics statistics);
  // What runs a convolution; its weights are prepared now.
  GroupConvForward<T, Map> PrepareGroupConv(const Step& step, Statistics statistics, DeviceArray<T>& prepared);
  void ForwardGroupConv(const Step& step, Statistics statistics);
  // Whether a depthwise convolution gathers the next step's Gram matrix: about its own means, not those of a batch that
  // is shared.
  bool GathersGram(const Step& step) const;
  // Without moments where running statistics are used.
  void ForwardDepthwiseConv(const Step& step, Moments<T>* moments);
  void ForwardBatchNorm(const Step& step, Statistics statistics);
  void ForwardProductNorm(const Step& step, Statistics statistics);
  void BackwardBatchNorm(const Step& step);
  void BackwardProductNorm(const Step& step);
  // Moments over one's own pixels become those over the pixels of all, if that is exchanged; of a map with so many
  // pixels a picture.
  void ShareMoments(int norm, int64_t picture_pixels);
  // Over the pixels of all.
  const GradientSums<T>* ShareSums(int norm);
  void BackwardStep(const Step& step);
  void BackwardObserved(size_t step);  // and what is told of it
  GroupConvBackward<T, Map> GroupConvBackwardOf(const Step& step);
  void BackwardGroupConv(const Step& step);
  void BackwardGram(const Step& step);
  void BackwardDepthwiseConv(const Step& step);

  size_t IndexOf(const Step& step) const { return static_cast<size_t>(&step - plan_->steps.data()); }
  const StepBackward& BackwardOf(const Step& step) const { return plan_->backward.steps[IndexOf(step)]; }
  // Whether it is the second of a chain.
  bool EndsChain(const Step& step) const { return plan_->EndsChain(IndexOf(step)); }
  Plane PlaneOf(int map) const { return riffle::PlaneOf(*plan_, map, images_); }
  int64_t PicturePixels(int map) const { return int64_t{plan_->maps[map].height} * plan_->maps[map].width; }
  Rows<Map> RowsOf(int map) const { return maps_[map]; }
  Rows<Map> GradientOf(int map) const { return gradients_of_maps_[map]; }
  // Of what the head reads and writes.
  T* VectorsOf(int map) const { return reinterpret_cast<T*>(maps_[map].data); }
  T* GradientVectorsOf(int map) const { return reinterpret_cast<T*>(gradients_of_maps_[map].data); }
  int64_t OffsetOf(int parameter) const { return plan_->registry.trainable()[parameter].offset; }
  const T* Trainable(int parameter) const {
    return parameter < 0 ? nullptr : values_.trainable.data() + OffsetOf(parameter);
  }
  T* Gradient(int parameter) { return parameter < 0 ? nullptr : gradients_.data() + OffsetOf(parameter); }
  T* Statistic(int parameter) { return values_.statistics.data() + plan_->registry.statistics()[parameter].offset; }
  Activation<T> InputActivation(const Step& step) const;
  GradientSource<T, Map> Source(const Step& step) const;
  GradientSink<T, Map> Sink(const Step& step) const;
  GroupConvShape GroupConvShapeOf(const Step& step) const { return riffle::GroupConvShapeOf(*plan_, step, images_); }
  GroupConvShape ProductShape(const Norm& norm) const;  // its pixels are one's own
  GramShape GramShapeOf(const Step& step) const { return riffle::GramShapeOf(*plan_, step, images_); }
  // y = what the weights, prepared now, make of x.
  void Convolve(const GroupConvShape& shape, const GroupConvWeights<T>& weights, GroupConvForward<T, Map> call);

  const OpTable<T, Map>& ops_;
  const RowIndices row_indices_;
  DeviceArray<T> norm_arena_;
  std::vector<NormState> norms_;
  DeviceArray<T> prepared_;       // weights of the group convolution that runs now ...
  DeviceArray<T> next_prepared_;  // ... and of the second one of a chain
  DeviceArray<std::byte> arena_;  // maps and their gradients
  int64_t images_ = 0;            // that the arena is laid out for
  int64_t all_images_ = 0;        // at all processes that share the batch
  std::vector<Rows<Map>> maps_, gradients_of_maps_;
  Rows<const T> pictures_;                 // of the last Forward
  const std::vector<int64_t> final_from_;  // by step: what the listener is told after its backward
  StatisticsExchange* exchange_ = nullptr;
  DeviceArray<PowerSums> shared_moments_;     // of the batch norm that runs
  DeviceArray<GradientSums<T>> shared_sums_;  // of the batch norm whose backward runs
  DeviceArray<T> dy_sums_;                    // of the product whose backward runs
  DeviceArray<T> gram_weight_, gram_bias_;    // of the Gram matrix whose backward runs
};

/// A Network whose maps are of this type. REQUIRES: the backend has ops for them.
std::unique_ptr<TrainingNetwork<float>> MakeNetwork(const Execution& execution, const Plan& plan,
                                                    const OpTable<float>& ops, MapType maps);

}  // namespace riffle
