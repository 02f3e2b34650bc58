// From a decoded picture to the network's input, for training and for evaluation.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "data/augment/enhance.h"
#include "data/augment/erasing.h"
#include "data/augment/policy.h"
#include "data/device_picture.h"
#include "data/registry.h"
#include "picture/evaluation_view.h"
#include "picture/picture.h"
#include "picture/region.h"

namespace riffle {

/// What training does to a picture at random; MindCV's options of the same names.
struct Augmentation {
  TrainCrop crop = TrainCrop::kRandomResized;
  std::array<double, 2> scale = {0.08, 1.0};         ///< kRandomResized: shares of the picture's area
  std::array<double, 2> ratio = {3.0 / 4, 4.0 / 3};  ///< kRandomResized: width / height
  int padding = 4;                                   ///< kPadded: black pixels on each side
  double hflip = 0.5;                                ///< probability of a mirrored picture
  double vflip = 0;                                  ///< probability of an upside-down picture
  std::optional<AugmentPolicy> policy = {};          ///< option auto_augment
  double color_jitter = 0;                           ///< strength (augment/color_jitter.h)
  Erasing erasing = {};
  int splits = 1;             ///< versions of each picture; the first of several has neither policy nor colour jitter
  bool exact_decode = false;  ///< decode pictures in full where a smaller scale would leave pixels enough
};

/// The data set's own crop, flip and colour jitter (registry); the rest as above.
Augmentation DefaultAugmentation(const DatasetInfo& info);

/// InvalidArgument if the numbers make no sense for pictures of that many channels; names the option.
Status Check(const Augmentation& augmentation, int channels);

/// What is done to a picture once its crop box is chosen: a function of the random stream alone, not of the picture.
/// Its memory is used again.
struct TransformDraw {
  PaddedCropPlace padded;  ///< where the crop is padded
  bool hflip = false, vflip = false;
  struct Version {
    PolicyDraw policy;
    std::array<EnhanceStep, 3> jitter;
    Erasure erasure;
  };
  std::vector<Version> versions;
};

/// Memory that transforms use again. One for each thread.
struct TransformScratch {
  TransformDraw draw;
  Picture cropped, augmented;
  ViewScratch view;
  AugmentScratch augment;
  DevicePicture device;
};

/// Thread-safe, and cheap to copy.
class Transform {
 public:
  /// Crops, resizes what is left to the right size as evaluation does, flips, follows the policy, jitters colours,
  /// normalises, erases; in this order, and in this order it draws.
  static Result<Transform> ForTraining(const Preprocessing& preprocessing, const Augmentation& augmentation);
  static Result<Transform> ForEvaluation(const Preprocessing& preprocessing);

  int channels() const { return view_.preprocessing().channels; }
  int image_size() const { return view_.preprocessing().image_size; }
  int splits() const { return augmentation_.splits; }

  /// Writes channel c of the picture to out + c · channel_stride, image_size rows of image_size values; version s of
  /// several to out + s · split_stride + c · channel_stride, all of one crop and flip. `random` is what makes this
  /// picture of this epoch different; evaluation is the same for all. Errors: InvalidArgument for a picture of other
  /// channels, or so long and thin that it cannot be resized.
  Status Apply(const PictureView& picture, RandomStream& random, TransformScratch& scratch, float* out,
               int64_t channel_stride, int64_t split_stride = 0) const;

  /// The same in steps, for readers that decode only what is needed: what that is of a picture of this size; then the
  /// rest with the same `random`, or what is drawn of it, and what that makes of the picture.
  Need Choose(int height, int width, RandomStream& random) const;
  void Draw(RandomStream& random, TransformDraw& draw) const;
  Status Apply(const Region& region, const TransformDraw& draw, TransformScratch& scratch, float* out,
               int64_t channel_stride, int64_t split_stride = 0) const;
  Status Apply(const Region& region, RandomStream& random, TransformScratch& scratch, float* out,
               int64_t channel_stride, int64_t split_stride = 0) const;

  /// What is left to a device, where its ops make the picture (ops/pictures/pictures.h): they give the bits of Apply,
  /// noise within rounding. The CPU does the policy, and resizes what has more than MostDeviceBytes() or kMostTaps; the
  /// rest is the device's. Calls put(version, picture) for each version; what it is given is valid in that call.
  /// Errors: as Apply.
  Status ForDevice(const Region& region, const TransformDraw& draw, TransformScratch& scratch,
                   const std::function<void(int version, const DevicePicture&)>& put) const;
  FinishOptions DeviceOptions() const;
  /// Of the source of a version: those of the floats that it becomes.
  int64_t MostDeviceBytes() const {
    return int64_t{image_size()} * image_size() * channels() * static_cast<int64_t>(sizeof(float));
  }
  /// Whether a device is left all but the decoding of pictures that are not much larger than what becomes of them.
  bool LeavesAllToDevice() const { return !augmentation_.policy; }
  /// Whether a device is left all of a picture of this size, whatever is drawn: nobody else looks at its pixels, and
  /// ForDevice has no error. No crop of it is so large that a reader would decode it at a smaller scale.
  bool LeavesWholeToDevice(int height, int width) const;
  /// Whether there is a policy or colour jitter, and the two of a version alone, in place.
  bool colours() const { return augmentation_.policy || augmentation_.color_jitter > 0; }
  void Colour(Picture& picture, const TransformDraw::Version& draw, AugmentScratch& scratch) const;

 private:
  explicit Transform(EvaluationView view) : view_(std::move(view)) {}
  /// Whether a version of several stays without policy and colour jitter.
  bool IsClean(int version) const { return splits() > 1 && version == 0; }
  Result<PictureView> Crop(const Region& region, const TransformDraw& draw, TransformScratch& scratch) const;
  PictureView Augment(const PictureView& picture, const TransformDraw::Version& draw, TransformScratch& scratch) const;
  /// Crop without a policy: sides and source.
  Status ResampleOnDevice(const Region& region, const TransformDraw& draw, TransformScratch& scratch) const;
  /// What is cropped already.
  void CopyOnDevice(const PictureView& picture, const TransformDraw& draw, TransformScratch& scratch) const;

  EvaluationView view_;
  Augmentation augmentation_;
  AugmentContext context_;
};

}  // namespace riffle
