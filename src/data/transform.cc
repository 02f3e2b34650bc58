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

ColorStep StepOf(const EnhanceStep& step) {
  using Kind = ColorStep::Kind;
  if (step.factor == 1) return {};
  constexpr Kind kKinds[] = {Kind::kBrightness, Kind::kContrast, Kind::kSaturation};
  return {kKinds[static_cast<int>(step.what)], step.factor};
}

PictureFinish FinishOf(const TransformDraw::Version& version) {
  const Erasure& erasure = version.erasure;
  return {.colors = {StepOf(version.jitter[0]), StepOf(version.jitter[1]), StepOf(version.jitter[2])},
          .top = erasure.top,
          .left = erasure.left,
          .height = erasure.height,
          .width = erasure.width,
          .noise = erasure.noise};
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
  transform.context_.interpolation = preprocessing.interpolation;
  for (size_t c = 0; c < preprocessing.mean.size(); ++c)
    transform.context_.fill[c] = static_cast<uint8_t>(std::clamp(std::nearbyint(preprocessing.mean[c]), 0.0f, 255.0f));
  return transform;
}

Result<Transform> Transform::ForEvaluation(const Preprocessing& preprocessing) {
  RIFFLE_ASSIGN(EvaluationView view, EvaluationView::Create(preprocessing));
  Transform transform(std::move(view));
  transform.augmentation_ = {.crop = TrainCrop::kNone, .hflip = 0};
  return transform;
}

Need Transform::Choose(int height, int width, RandomStream& random) const {
  if (augmentation_.crop != TrainCrop::kRandomResized) return Need::Whole(height, width);
  Need need{.box = RandomResizedCropBox(height, width, augmentation_.scale, augmentation_.ratio, random)};
  // A scaled-down picture that is resized again loses a little sharpness; with pixels to spare the eye does not see it.
  constexpr double kSpare = 1.5;
  if (!augmentation_.exact_decode)
    need.least_height = need.least_width = static_cast<int>(std::ceil(kSpare * image_size()));
  return need;
}

Result<PictureView> Transform::Crop(const Region& region, const TransformDraw& draw, TransformScratch& scratch) const {
  switch (augmentation_.crop) {
    case TrainCrop::kNone:
      return view_.Fit(region.pixels, scratch.view);
    case TrainCrop::kPadded:
      PaddedCrop(region.pixels, draw.padded, scratch.cropped);
      return view_.Fit(scratch.cropped.View(), scratch.view);
    case TrainCrop::kRandomResized:
      break;
  }
  const int size = image_size();
  Resize(region.pixels, {region.top, region.left, region.height, region.width}, size, size, {0, 0, size, size},
         view_.preprocessing().interpolation, scratch.view.resize, scratch.view.resized);
  return scratch.view.resized.View();
}

void Transform::Draw(RandomStream& random, TransformDraw& draw) const {
  constexpr EnhanceStep kNothing = {Enhancement::kBrightness, 1};
  draw.padded =
      augmentation_.crop == TrainCrop::kPadded ? DrawPaddedCrop(augmentation_.padding, random) : PaddedCropPlace();
  draw.hflip = random.Chance(augmentation_.hflip);
  draw.vflip = random.Chance(augmentation_.vflip);
  draw.versions.resize(splits());
  for (int i = 0; i < splits(); ++i) {
    TransformDraw::Version& version = draw.versions[i];
    if (augmentation_.policy && !IsClean(i)) augmentation_.policy->Draw(random, version.policy);
    const bool jitters = augmentation_.color_jitter > 0 && !IsClean(i);
    version.jitter = {kNothing, kNothing, kNothing};
    if (jitters) version.jitter = DrawColorJitter(augmentation_.color_jitter, random);
    version.erasure = DrawErasure(augmentation_.erasing, channels(), image_size(), random);
  }
}

void Transform::Colour(Picture& picture, const TransformDraw::Version& draw, AugmentScratch& scratch) const {
  if (augmentation_.policy) augmentation_.policy->Apply(picture, draw.policy, context_, scratch);
  Enhance(picture, draw.jitter);
}

// In memory of the scratch's own: the only version of what was resized takes it over, others are copies.
PictureView Transform::Augment(const PictureView& picture, const TransformDraw::Version& draw,
                               TransformScratch& scratch) const {
  if (!colours()) return picture;
  if (splits() == 1 && picture.pixels == scratch.view.resized.pixels.data())
    std::swap(scratch.augmented, scratch.view.resized);
  else
    CopyTo(scratch.augmented, picture);
  Colour(scratch.augmented, draw, scratch.augment);
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
  Draw(random, scratch.draw);
  return Apply(region, scratch.draw, scratch, out, channel_stride, split_stride);
}

Status Transform::Apply(const Region& region, const TransformDraw& draw, TransformScratch& scratch, float* out,
                        int64_t channel_stride, int64_t split_stride) const {
  RIFFLE_TRY(view_.CheckChannels(region.pixels));
  RIFFLE_ASSIGN(const PictureView cropped, Crop(region, draw, scratch));
  for (int i = 0; i < splits(); ++i, out += split_stride) {
    const TransformDraw::Version& version = draw.versions[i];
    const PictureView ready = IsClean(i) ? cropped : Augment(cropped, version, scratch);
    // Mirrored on the way out, where that costs nothing: colours do not care, and rotations, shears and translations go
    // either way alike.
    view_.Normalise(ready, draw.hflip, draw.vflip, out, channel_stride);
    Erase(augmentation_.erasing, version.erasure, channels(), image_size(), out, channel_stride);
  }
  return {};
}

void Transform::CopyOnDevice(const PictureView& picture, const TransformDraw& draw, TransformScratch& scratch) const {
  ResizeAxis& axis = scratch.view.resize.rows;
  MakeResizeAxis({image_size(), 0, static_cast<double>(image_size())}, image_size(), 0, image_size(),
                 Interpolation::kNearest, axis);
  MakeDeviceSide(axis, 0, image_size(), draw.vflip, scratch.device.rows);
  MakeDeviceSide(axis, 0, image_size(), draw.hflip, scratch.device.columns);
  scratch.device.source = picture;
}

Status Transform::ResampleOnDevice(const Region& region, const TransformDraw& draw, TransformScratch& scratch) const {
  ResizeAxis &rows = scratch.view.resize.rows, &columns = scratch.view.resize.columns;
  const PictureView& source = region.pixels;
  PaddedCropPlace place;
  if (augmentation_.crop == TrainCrop::kRandomResized) {
    const Interpolation interpolation = view_.preprocessing().interpolation;
    MakeResizeAxis({source.height, region.top, region.height}, image_size(), 0, image_size(), interpolation, rows);
    MakeResizeAxis({source.width, region.left, region.width}, image_size(), 0, image_size(), interpolation, columns);
  } else {
    RIFFLE_TRY(view_.FitAxes(source.height, source.width, rows, columns));
    place = draw.padded;
  }
  DevicePicture& device = scratch.device;
  MakeDeviceSide(rows, place.top, source.height, draw.vflip, device.rows);
  MakeDeviceSide(columns, place.left, source.width, draw.hflip, device.columns);
  device.source = source.Crop(static_cast<int>(device.rows.begin), static_cast<int>(device.columns.begin),
                              static_cast<int>(device.rows.end - device.rows.begin),
                              static_cast<int>(device.columns.end - device.columns.begin));
  return {};
}

Status Transform::ForDevice(const Region& region, const TransformDraw& draw, TransformScratch& scratch,
                            const std::function<void(int version, const DevicePicture&)>& put) const {
  RIFFLE_TRY(view_.CheckChannels(region.pixels));
  DevicePicture& device = scratch.device;
  bool is_much = false;
  if (!augmentation_.policy) {
    RIFFLE_TRY(ResampleOnDevice(region, draw, scratch));
    is_much = device.source_bytes() > MostDeviceBytes() || std::max(device.rows.most, device.columns.most) > kMostTaps;
  }
  PictureView cropped;
  if (augmentation_.policy || is_much) {
    RIFFLE_ASSIGN(cropped, Crop(region, draw, scratch));
    CopyOnDevice(cropped, draw, scratch);
  }
  for (int i = 0; i < splits(); ++i) {
    const TransformDraw::Version& version = draw.versions[i];
    if (augmentation_.policy) {
      device.source = cropped;
      if (!IsClean(i)) {
        CopyTo(scratch.augmented, cropped);
        augmentation_.policy->Apply(scratch.augmented, version.policy, context_, scratch.augment);
        device.source = scratch.augmented.View();
      }
    }
    device.finish = FinishOf(version);
    put(i, device);
  }
  return {};
}

// A side of four times the size has at most 25 weights, those of Lanczos.
bool Transform::LeavesWholeToDevice(int height, int width) const {
  return LeavesAllToDevice() && int64_t{height} * width * channels() <= MostDeviceBytes() &&
         std::max(height, width) <= 4 * image_size() && view_.CanFit(height, width);
}

FinishOptions Transform::DeviceOptions() const {
  const std::vector<float>& value = augmentation_.erasing.value;
  FinishOptions options = {.erases_with_noise = value.empty()};
  for (int c = 0; c < channels(); ++c) {
    options.scale[c] = view_.scale()[c];
    options.shift[c] = view_.shift()[c];
    if (!value.empty()) options.erased[c] = value.size() == 1 ? value[0] : value[c];
  }
  return options;
}

}  // namespace riffle
