// A picture as the network sees it in validation and use: fitted, cut from the middle, normalised. Nothing in it is
// random; training takes the same steps after its own crop (data/transform.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "picture/picture.h"
#include "picture/preprocessing.h"
#include "picture/resize.h"

namespace riffle {

/// Memory that views use again. One for each thread.
struct ViewScratch {
  ResizeScratch resize;
  Picture resized;
};

/// Thread-safe, and cheap to copy.
class EvaluationView {
 public:
  /// Errors: those of Check(preprocessing).
  static Result<EvaluationView> Create(const Preprocessing& preprocessing);

  const Preprocessing& preprocessing() const { return preprocessing_; }

  /// Writes channel c of the picture to out + c · channel_stride, image_size rows of image_size values. Errors:
  /// InvalidArgument for a picture of other channels, or so long and thin that it cannot be resized.
  Status Apply(const PictureView& picture, ViewScratch& scratch, float* out, int64_t channel_stride) const;

  /// The part of a picture of that size that the network sees, in the picture's own pixels. REQUIRES: Fit takes it.
  SourceBox Seen(int height, int width) const;

  // The steps, for transforms that do something in between.

  /// InvalidArgument for a picture of other channels.
  Status CheckChannels(const PictureView& picture) const;

  /// The short side to ResizedShortSide(), the long one in proportion (rounded down), and image_size × image_size from
  /// the middle (odd remainders: one pixel more at the bottom and right), as MindSpore's Resize and CenterCrop do. The
  /// view is one of `picture` or of `scratch`. Errors: InvalidArgument as for Apply.
  Result<PictureView> Fit(const PictureView& picture, ViewScratch& scratch) const;
  /// Whether Fit and FitAxes have no error for a picture of this size.
  bool CanFit(int height, int width) const { return CheckedSize(height, width).ok(); }
  /// The filters by which a picture of that size is fitted, for those who do it elsewhere. Errors: as Fit.
  Status FitAxes(int height, int width, ResizeAxis& rows, ResizeAxis& columns) const;
  /// (value − mean) / std, mirrored on the way if asked, as WriteNormalised (normalise.h).
  void Normalise(const PictureView& picture, bool hflip, bool vflip, float* out, int64_t channel_stride) const;
  /// What it makes of a value of a channel: value · scale + shift.
  std::span<const float> scale() const { return scale_; }
  std::span<const float> shift() const { return shift_; }

 private:
  /// What a picture of some size is resized to, and what is cut out of that.
  struct Fitted {
    int64_t height, width;
    Window middle;
  };
  Fitted FittedSize(int height, int width) const;
  Result<Fitted> CheckedSize(int height, int width) const;
  explicit EvaluationView(const Preprocessing& preprocessing);

  Preprocessing preprocessing_;
  std::vector<float> scale_, shift_;  // per channel
};

}  // namespace riffle
