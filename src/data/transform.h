// From a decoded picture to the network's input, for training and for evaluation.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "data/augment/erasing.h"
#include "data/augment/policy.h"
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

/// Memory that transforms use again. One for each thread.
struct TransformScratch {
  Picture cropped, augmented;
  ViewScratch view;
  AugmentScratch augment;
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
  /// picture of this epoch different; evaluation does not draw from it. Errors: InvalidArgument for a picture of other
  /// channels, or so long and thin that it cannot be resized.
  Status Apply(const PictureView& picture, RandomStream& random, TransformScratch& scratch, float* out,
               int64_t channel_stride, int64_t split_stride = 0) const;

  /// The same in two steps, for readers that decode only what is needed: what that is of a picture of this size, then
  /// the rest with the same `random`.
  Need Choose(int height, int width, RandomStream& random) const;
  Status Apply(const Region& region, RandomStream& random, TransformScratch& scratch, float* out,
               int64_t channel_stride, int64_t split_stride = 0) const;

  /// Whether there is a policy or colour jitter, and the two alone, in place.
  bool colours() const { return augmentation_.policy || augmentation_.color_jitter > 0; }
  void Colour(Picture& picture, RandomStream& random, AugmentScratch& scratch) const;

 private:
  explicit Transform(EvaluationView view) : view_(std::move(view)) {}
  Result<PictureView> Crop(const Region& region, RandomStream& random, TransformScratch& scratch) const;
  PictureView Augment(const PictureView& picture, RandomStream& random, TransformScratch& scratch) const;

  EvaluationView view_;
  Augmentation augmentation_;
  bool training_ = false;
  AugmentContext context_;
};

}  // namespace riffle
