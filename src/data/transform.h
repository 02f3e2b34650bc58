// From a decoded picture to the network's input, for training and for evaluation.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "data/picture.h"
#include "data/preprocessing.h"
#include "data/registry.h"

namespace riffle {

/// What training does to a picture at random; MindCV's options of the same names.
struct Augmentation {
  TrainCrop crop = TrainCrop::kRandomResized;
  std::array<double, 2> scale = {0.08, 1.0};         ///< kRandomResized: shares of the picture's area
  std::array<double, 2> ratio = {3.0 / 4, 4.0 / 3};  ///< kRandomResized: width / height
  int padding = 4;                                   ///< kPadded: black pixels on each side
  double hflip = 0.5;                                ///< probability of a mirrored picture
  double vflip = 0;                                  ///< probability of an upside-down picture
};

/// The data set's own crop and flip (registry); the rest as above.
Augmentation DefaultAugmentation(const DatasetInfo& info);

/// InvalidArgument if the numbers make no sense; names the option.
Status Check(const Augmentation& augmentation);

/// Memory that transforms use again. One for each thread.
struct TransformScratch {
  Picture cropped, resized;
  ResizeScratch resize;
};

/// Thread-safe, and cheap to copy.
class Transform {
 public:
  /// Crops, flips, then resizes what is left to the right size as evaluation does, and normalises.
  static Result<Transform> ForTraining(const Preprocessing& preprocessing, const Augmentation& augmentation);
  static Result<Transform> ForEvaluation(const Preprocessing& preprocessing);

  int channels() const { return preprocessing_.channels; }
  int image_size() const { return preprocessing_.image_size; }

  /// Writes channel c of the picture to out + c · channel_stride, image_size rows of image_size values. `random` is
  /// what makes this picture of this epoch different; evaluation does not draw from it. Errors: InvalidArgument for a
  /// picture of other channels, or so long and thin that it cannot be resized.
  Status Apply(const PictureView& picture, RandomStream& random, TransformScratch& scratch, float* out,
               int64_t channel_stride) const;

 private:
  explicit Transform(const Preprocessing& preprocessing);
  Result<PictureView> FitAndCenter(const PictureView& picture, TransformScratch& scratch) const;
  Result<PictureView> Crop(const PictureView& picture, RandomStream& random, TransformScratch& scratch) const;

  Preprocessing preprocessing_;
  Augmentation augmentation_;
  bool training_ = false;
  std::vector<float> scale_, shift_;  // per channel: value · scale + shift
};

}  // namespace riffle
