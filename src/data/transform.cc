#include "data/transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/augment/color_jitter.h"
#include "picture/crop.h"

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

Augmentation DefaultAugmentation(const DatasetInfo& info) {
  return {.crop = info.train_crop, .hflip = info.hflip, .color_jitter = info.color_jitter};
}

Status Check(const Augmentation& augmentation, int channels) {
  RIFFLE_TRY(CheckRange("scale", augmentation.scale, 1));
  RIFFLE_TRY(CheckRange("ratio", augmentation.ratio, 100));
  RIFFLE_TRY(CheckProbability("hflip", augmentation.hflip));
  RIFFLE_TRY(CheckProbability("vflip", augmentation.vflip));
  if (augmentation.padding < 0 || augmentation.padding > 1024)
    return InvalidArgument("padding: 0 to 1024 pixels were expected, {} found", augmentation.padding);
  if (!(augmentation.color_jitter >= 0 && augmentation.color_jitter <= 1e6))
    return InvalidArgument("color_jitter: a strength of at least 0 was expected, {} found", augmentation.color_jitter);
  if (augmentation.splits < 1 || augmentation.splits > 16)
    return InvalidArgument("aug_splits: 1 to 16 versions were expected, {} found", augmentation.splits);
  return Check(augmentation.erasing, channels);
}

Result<Transform> Transform::ForTraining(const Preprocessing& preprocessing, const Augmentation& augmentation) {
  RIFFLE_ASSIGN(EvaluationView view, EvaluationView::Create(preprocessing));
  RIFFLE_TRY(Check(augmentation, preprocessing.channels));
  Transform transform(std::move(view));
  transform.augmentation_ = augmentation;
  transform.training_ = true;
  transform.context_.interpolation = preprocessing.interpolation;
  for (size_t c = 0; c < preprocessing.mean.size(); ++c)
    transform.context_.fill[c] = static_cast<uint8_t>(std::clamp(std::nearbyint(preprocessing.mean[c]), 0.0f, 255.0f));
  return transform;
}

Result<Transform> Transform::ForEvaluation(const Preprocessing& preprocessing) {
  RIFFLE_ASSIGN(EvaluationView view, EvaluationView::Create(preprocessing));
  return Transform(std::move(view));
}

Need Transform::Choose(int height, int width, RandomStream& random) const {
  if (!training_ || augmentation_.crop != TrainCrop::kRandomResized) return Need::Whole(height, width);
  Need need{.box = RandomResizedCropBox(height, width, augmentation_.scale, augmentation_.ratio, random)};
  // A scaled-down picture that is resized again loses a little sharpness; with pixels to spare the eye does not see it.
  constexpr double kSpare = 1.5;
  if (!augmentation_.exact_decode)
    need.least_height = need.least_width = static_cast<int>(std::ceil(kSpare * image_size()));
  return need;
}

Result<PictureView> Transform::Crop(const Region& region, RandomStream& random, TransformScratch& scratch) const {
  switch (augmentation_.crop) {
    case TrainCrop::kNone:
      return view_.Fit(region.pixels, scratch.view);
    case TrainCrop::kPadded:
      RandomPaddedCrop(region.pixels, augmentation_.padding, random, scratch.cropped);
      return view_.Fit(scratch.cropped.View(), scratch.view);
    case TrainCrop::kRandomResized:
      break;
  }
  const int size = image_size();
  Resize(region.pixels, {region.top, region.left, region.height, region.width}, size, size, {0, 0, size, size},
         view_.preprocessing().interpolation, scratch.view.resize, scratch.view.resized);
  return scratch.view.resized.View();
}

void Transform::Colour(Picture& picture, RandomStream& random, AugmentScratch& scratch) const {
  if (augmentation_.policy) augmentation_.policy->Apply(picture, context_, random, scratch);
  if (augmentation_.color_jitter > 0) JitterColors(picture, augmentation_.color_jitter, random);
}

// In memory of the scratch's own: the only version of what was resized takes it over, others are copies.
PictureView Transform::Augment(const PictureView& picture, RandomStream& random, TransformScratch& scratch) const {
  if (!colours()) return picture;
  if (splits() == 1 && picture.pixels == scratch.view.resized.pixels.data())
    std::swap(scratch.augmented, scratch.view.resized);
  else
    CopyTo(scratch.augmented, picture);
  Colour(scratch.augmented, random, scratch.augment);
  return scratch.augmented.View();
}

Status Transform::Apply(const PictureView& picture, RandomStream& random, TransformScratch& scratch, float* out,
                        int64_t channel_stride, int64_t split_stride) const {
  const CropBox box = Choose(picture.height, picture.width, random).box;
  return Apply(Region::Whole(picture.Crop(box.top, box.left, box.height, box.width)), random, scratch, out,
               channel_stride, split_stride);
}

Status Transform::Apply(const Region& region, RandomStream& random, TransformScratch& scratch, float* out,
                        int64_t channel_stride, int64_t split_stride) const {
  if (!training_) return view_.Apply(region.pixels, scratch.view, out, channel_stride);
  RIFFLE_TRY(view_.CheckChannels(region.pixels));
  RIFFLE_ASSIGN(const PictureView cropped, Crop(region, random, scratch));
  // Drawn here and done on the way out, where mirroring costs nothing: colours do not care, and rotations, shears and
  // translations go either way alike.
  const bool hflip = random.Chance(augmentation_.hflip), vflip = random.Chance(augmentation_.vflip);
  for (int split = 0; split < splits(); ++split, out += split_stride) {
    const bool clean = splits() > 1 && split == 0;
    const PictureView ready = clean ? cropped : Augment(cropped, random, scratch);
    view_.Normalise(ready, hflip, vflip, out, channel_stride);
    EraseRandomly(augmentation_.erasing, channels(), image_size(), random, out, channel_stride);
  }
  return {};
}

}  // namespace riffle
