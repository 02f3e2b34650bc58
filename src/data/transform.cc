#include "data/transform.h"

#include <algorithm>

#include "data/crop.h"
#include "data/normalise.h"

namespace riffle {
namespace {

Status CheckRange(const char* name, std::array<double, 2> range, double most) {
  if (range[0] > 0 && range[0] <= range[1] && range[1] <= most) return {};
  return InvalidArgument("{}: a range within (0, {}], smaller number first, was expected, ({}, {}) found", name, most,
                         range[0], range[1]);
}

Status CheckProbability(const char* name, double value) {
  if (value >= 0 && value <= 1) return {};
  return InvalidArgument("{}: a probability from 0 to 1 was expected, {} found", name, value);
}

}  // namespace

Augmentation DefaultAugmentation(const DatasetInfo& info) { return {.crop = info.train_crop, .hflip = info.hflip}; }

Status Check(const Augmentation& augmentation) {
  RIFFLE_TRY(CheckRange("scale", augmentation.scale, 1));
  RIFFLE_TRY(CheckRange("ratio", augmentation.ratio, 100));
  RIFFLE_TRY(CheckProbability("hflip", augmentation.hflip));
  RIFFLE_TRY(CheckProbability("vflip", augmentation.vflip));
  if (augmentation.padding < 0 || augmentation.padding > 1024)
    return InvalidArgument("padding: 0 to 1024 pixels were expected, {} found", augmentation.padding);
  return {};
}

Transform::Transform(const Preprocessing& preprocessing) : preprocessing_(preprocessing) {
  for (int c = 0; c < preprocessing.channels; ++c) {
    scale_.push_back(1 / preprocessing.std[c]);
    shift_.push_back(-preprocessing.mean[c] / preprocessing.std[c]);
  }
}

Result<Transform> Transform::ForTraining(const Preprocessing& preprocessing, const Augmentation& augmentation) {
  RIFFLE_TRY(Check(preprocessing));
  RIFFLE_TRY(Check(augmentation));
  Transform transform(preprocessing);
  transform.augmentation_ = augmentation;
  transform.training_ = true;
  return transform;
}

Result<Transform> Transform::ForEvaluation(const Preprocessing& preprocessing) {
  RIFFLE_TRY(Check(preprocessing));
  return Transform(preprocessing);
}

// The short side to ResizedShortSide(), the long one in proportion (rounded down), and image_size × image_size from the
// middle (odd remainders: one pixel more at the bottom and right), as MindSpore's Resize and CenterCrop do.
Result<PictureView> Transform::FitAndCenter(const PictureView& picture, TransformScratch& scratch) const {
  const int size = preprocessing_.image_size, short_side = preprocessing_.ResizedShortSide();
  const int64_t smaller = std::min(picture.height, picture.width);
  const int64_t height = int64_t{picture.height} * short_side / smaller;
  const int64_t width = int64_t{picture.width} * short_side / smaller;
  if (height > kMaxResizedSide || width > kMaxResizedSide)
    return InvalidArgument("{} × {} pixels are too long and thin to be resized to a short side of {}", picture.width,
                           picture.height, short_side);
  const Window middle{(height - size) / 2, (width - size) / 2, size, size};
  if (smaller == short_side)
    return picture.Crop(static_cast<int>(middle.top), static_cast<int>(middle.left), size, size);
  Resize(picture, height, width, middle, preprocessing_.interpolation, scratch.resize, scratch.resized);
  return scratch.resized.View();
}

Result<PictureView> Transform::Crop(const PictureView& picture, RandomStream& random, TransformScratch& scratch) const {
  switch (augmentation_.crop) {
    case TrainCrop::kNone:
      return FitAndCenter(picture, scratch);
    case TrainCrop::kPadded:
      RandomPaddedCrop(picture, augmentation_.padding, random, scratch.cropped);
      return FitAndCenter(scratch.cropped.View(), scratch);
    case TrainCrop::kRandomResized:
      break;
  }
  const CropBox box =
      RandomResizedCropBox(picture.height, picture.width, augmentation_.scale, augmentation_.ratio, random);
  const int size = preprocessing_.image_size;
  Resize(picture.Crop(box.top, box.left, box.height, box.width), size, size, {0, 0, size, size},
         preprocessing_.interpolation, scratch.resize, scratch.resized);
  return scratch.resized.View();
}

Status Transform::Apply(const PictureView& picture, RandomStream& random, TransformScratch& scratch, float* out,
                        int64_t channel_stride) const {
  if (picture.channels != channels())
    return InvalidArgument("a picture of {} channel(s) was expected, one of {} found", channels(), picture.channels);
  bool hflip = false, vflip = false;
  Result<PictureView> ready = training_ ? Crop(picture, random, scratch) : FitAndCenter(picture, scratch);
  if (!ready.ok()) return ready.status();
  if (training_) {  // mirroring commutes with all that came before, and costs nothing on the way out
    hflip = random.Chance(augmentation_.hflip);
    vflip = random.Chance(augmentation_.vflip);
  }
  WriteNormalised(*ready, hflip, vflip, scale_, shift_, out, channel_stride);
  return {};
}

}  // namespace riffle
