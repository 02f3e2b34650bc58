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

EvaluationView::Fitted EvaluationView::FittedSize(int height, int width) const {
  const int size = preprocessing_.image_size, short_side = preprocessing_.ResizedShortSide();
  const int64_t smaller = std::min(height, width);
  const int64_t to_height = int64_t{height} * short_side / smaller, to_width = int64_t{width} * short_side / smaller;
  return {to_height, to_width, {(to_height - size) / 2, (to_width - size) / 2, size, size}};
}

SourceBox EvaluationView::Seen(int height, int width) const {
  const Fitted to = FittedSize(height, width);
  const double rows = static_cast<double>(height) / static_cast<double>(to.height);
  const double columns = static_cast<double>(width) / static_cast<double>(to.width);
  return {static_cast<double>(to.middle.top) * rows, static_cast<double>(to.middle.left) * columns,
          to.middle.height * rows, to.middle.width * columns};
}

Result<EvaluationView::Fitted> EvaluationView::CheckedSize(int height, int width) const {
  const Fitted to = FittedSize(height, width);
  if (to.height > kMaxResizedSide || to.width > kMaxResizedSide)
    return InvalidArgument("{} × {} pixels are too long and thin to be resized to a short side of {}", width, height,
                           preprocessing_.ResizedShortSide());
  return to;
}

Result<PictureView> EvaluationView::Fit(const PictureView& picture, ViewScratch& scratch) const {
  RIFFLE_ASSIGN(const Fitted to, CheckedSize(picture.height, picture.width));
  const auto& [height, width, middle] = to;
  if (std::min(picture.height, picture.width) == preprocessing_.ResizedShortSide())
    return picture.Crop(static_cast<int>(middle.top), static_cast<int>(middle.left), middle.height, middle.width);
  Resize(picture, height, width, middle, preprocessing_.interpolation, scratch.resize, scratch.resized);
  return scratch.resized.View();
}

Status EvaluationView::FitAxes(int height, int width, ResizeAxis& rows, ResizeAxis& columns) const {
  RIFFLE_ASSIGN(const Fitted to, CheckedSize(height, width));
  const auto whole = [](int64_t pixels) { return ResizedSide{pixels, 0, static_cast<double>(pixels)}; };
  const Window& middle = to.middle;
  MakeResizeAxis(whole(height), to.height, middle.top, middle.height, preprocessing_.interpolation, rows);
  MakeResizeAxis(whole(width), to.width, middle.left, middle.width, preprocessing_.interpolation, columns);
  return {};
}

void EvaluationView::Normalise(const PictureView& picture, bool hflip, bool vflip, float* out,
                               int64_t channel_stride) const {
  WriteNormalised(picture, hflip, vflip, scale_, shift_, out, channel_stride);
}

}  // namespace riffle
