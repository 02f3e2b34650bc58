#include "picture/evaluation_view.h"

#include <algorithm>

#include "picture/normalise.h"

namespace riffle {

Result<EvaluationView> EvaluationView::Create(const Preprocessing& preprocessing) {
  RIFFLE_TRY(Check(preprocessing));
  return EvaluationView(preprocessing);
}

EvaluationView::EvaluationView(const Preprocessing& preprocessing) : preprocessing_(preprocessing) {
  for (int c = 0; c < preprocessing.channels; ++c) {
    scale_.push_back(1 / preprocessing.std[c]);
    shift_.push_back(-preprocessing.mean[c] / preprocessing.std[c]);
  }
}

Status EvaluationView::Apply(const PictureView& picture, ViewScratch& scratch, float* out,
                             int64_t channel_stride) const {
  RIFFLE_TRY(CheckChannels(picture));
  RIFFLE_ASSIGN(const PictureView ready, Fit(picture, scratch));
  Normalise(ready, false, false, out, channel_stride);
  return {};
}

Status EvaluationView::CheckChannels(const PictureView& picture) const {
  if (picture.channels == preprocessing_.channels) return {};
  return InvalidArgument("a picture of {} channel(s) was expected, one of {} found", preprocessing_.channels,
                         picture.channels);
}

Result<PictureView> EvaluationView::Fit(const PictureView& picture, ViewScratch& scratch) const {
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

void EvaluationView::Normalise(const PictureView& picture, bool hflip, bool vflip, float* out,
                               int64_t channel_stride) const {
  WriteNormalised(picture, hflip, vflip, scale_, shift_, out, channel_stride);
}

}  // namespace riffle
