// The inference session: a folded plan with its weights, ready to classify. Links neither training nor data.
#pragma once

#include <memory>
#include <vector>

#include "backend/device_array.h"
#include "backend/recordings.h"
#include "model/fold.h"
#include "model/row_indices.h"
#include "model/step_observer.h"
#include "ops/op_table.h"

namespace riffle {

/// Maps of a batch in the host's memory: [channels][images · height · width], without padding.
struct FeatureMaps {
  int64_t images = 0, channels = 0, height = 0, width = 0;
  std::vector<float> values;
};

/// Pictures are independent: on the CPU a batch runs as small groups of pictures, one group a thread, each in an arena
/// that stays in its cache; a single group is split over the threads within the ops. Other devices take the batch as
/// one group. The head, whose weights are most of the network's, runs once for the whole batch. The logits of a picture
/// have the same bits whatever it is batched with.
class Session {
 public:
  /// Its ops run on `execution`, its memory is that of the execution's device. `ops` must outlive the session; the plan
  /// is folded and kept. REQUIRES: the backend has ops for `maps`.
  Session(const Execution& execution, const Plan& training_plan, const OpTable<float>& ops,
          MapType maps = MapType::kFloat);

  /// From the next Run on, the same network for pictures of another size: a plan whose model differs in image_size
  /// alone; it is folded and kept. The weights stay: no packed one knows the size.
  void UsePlan(const Plan& training_plan);

  /// Folds and packs the weights and running statistics. Before the first Run, and whenever they change.
  void SetWeights(const ParameterValues<float>& values);
  /// Instead of SetWeights: those of another session, in the same memory, which nobody changes; later SetWeights of
  /// either leave the other's as they are. REQUIRES: the same network (but for image_size), device and ops.
  void ShareWeightsOf(const Session& other) {
    prepared_ = other.prepared_;
    recordings_.Forget();
  }

  /// Test-time flip: from now on the logits of a picture are the means of its own and of its mirror image's, left and
  /// right exchanged. (Means of logits, not of probabilities: a loss can be computed from them as from any others.)
  void SetFlip(bool flip) { flip_ = flip; }

  /// logits: [images][num_classes], there when it returns. pictures: [in_channels][images·H·W], normalised. Both are
  /// the host's; the CPU reads pictures in place, other devices copy them, from staging memory fastest. Not
  /// thread-safe; sessions of their own may run side by side, on one pool or on several.
  void Run(int64_t images, Rows<const float> pictures, float* logits);

  /// What the head read in the last Run, of its mirror images where it had some: [images][features of the plan's last
  /// step], into memory of the host. REQUIRES: as many images as that Run had.
  void Features(int64_t images, float* features) const;

  /// The same where ops work: pictures in memory that the device reads; the logits are enqueued as an op's output, and
  /// valid until the next Forward or Run.
  const float* Forward(int64_t images, Rows<const float> pictures);

  /// From the next Run on, the maps that the global average pooling reads are kept; those of the pictures themselves
  /// where they are flipped, too. Costs a copy of them.
  void KeepLastMaps() { keeps_maps_ = true; }
  /// A copy for the host of the last Run's. REQUIRES: they were kept.
  FeatureMaps LastMaps() const;
  /// A copy for the host of the head's weight: [classes][features].
  std::vector<float> HeadWeight() const;

  /// Folded; as it is until UsePlan.
  const Plan& plan() const { return plan_; }
  const Execution& execution() const { return execution_; }
  const OpTable<float>& ops() const { return ops_; }

  /// Told of each step of plan() from now on, by every thread that runs one; null: nobody. Must outlive the Runs.
  void SetObserver(StepObserver* observer) { observer_ = observer; }

 private:
  struct Prepared {
    DeviceArray<float> weight;  // packed for the backend where it packs
    DeviceArray<float> bias;    // empty: none
  };

  /// Where the maps of a group of pictures lie in an arena.
  struct Layout {
    int64_t images = 0;
    std::vector<int64_t> offset_bytes, stride;  // by map; strides in values
  };

  /// Where the maps of a group go that are kept: their first row, and bytes from one row to the next; null: nowhere.
  struct KeptMaps {
    std::byte* first = nullptr;
    int64_t stride_bytes = 0;
  };

  void RunOnce(int64_t images, Rows<const float> pictures, float* logits, bool keeps_maps);
  /// The ops of a Forward.
  void EnqueueForward(int64_t images, Rows<const float> pictures);
  /// The pictures from right to left; valid until the next call.
  Rows<const float> Mirrored(int64_t images, Rows<const float> pictures);

  int64_t GroupSize(int64_t images) const;
  /// An arena for each thread and the layouts, unless they are there already.
  void Reserve(int64_t images, int64_t group);
  Layout LayoutOf(int64_t images) const;
  template <class Map>
  void RunGroup(const OpTable<float, Map>& ops, const Layout& layout, Rows<const float> pictures, std::byte* arena,
                float* features, const KeptMaps& kept) const;
  const Step& GlobalPooling() const { return plan_.steps[plan_.steps.size() - 2]; }
  /// Where a step's maps lie, or what the head or the stem reads and writes in place of them.
  template <class Map>
  struct StepMaps {
    Rows<const Map> x;
    Rows<Map> y;
    Rows<const Map> shortcut;
    Rows<const float> pictures;
    float* features = nullptr;
  };
  template <class Map>
  void RunStep(const OpTable<float, Map>& ops, size_t index, int64_t images, const StepMaps<Map>& maps) const;

  const Execution execution_;
  Plan plan_;
  const OpTable<float>& ops_;
  const MapType map_type_;
  const RowIndices row_indices_;
  std::shared_ptr<const std::vector<Prepared>> prepared_;  // by step
  std::vector<DeviceArray<std::byte>> arenas_;             // by thread
  DeviceArray<float> features_;                            // [images][features]: what the head reads
  DeviceArray<float> logits_;                              // [images][classes]
  Layout layout_, last_layout_;                            // of all groups but the last one of a batch, and of that
  bool flip_ = false;
  DeviceArray<float> mirrored_;       // pictures, where they are flipped
  DeviceArray<float> mirror_logits_;  // of these
  DeviceInput<float> input_;          // pictures of the host
  bool keeps_maps_ = false;
  int64_t kept_images_ = 0;           // of the last Run
  DeviceArray<std::byte> kept_maps_;  // their maps, in the order of FeatureMaps
  StepObserver* observer_ = nullptr;

  /// What a recording holds for.
  struct Recorded {
    int64_t images = 0;
    const float* pictures = nullptr;
    int64_t stride = 0;  // of the pictures' rows
    bool flip = false, keeps_maps = false;
    bool operator==(const Recorded&) const = default;
  };
  Recordings<Recorded> recordings_;
};

/// Pictures of a batch that run together in one thread, where the CPU computes.
int64_t PicturesAtOnce(const Plan& folded, int64_t images);

/// Bytes of maps that one group of `images` pictures takes during inference.
int64_t InferenceArenaBytes(const Plan& folded, int64_t images);

/// Bytes that a session takes for batches of `images`: folded weights, and the maps of each of so many threads.
int64_t SessionBytes(const Plan& folded, int64_t images, int threads);

}  // namespace riffle
