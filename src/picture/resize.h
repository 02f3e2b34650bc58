// Resizing as Pillow does it, value for value: separable, anti-aliased when it shrinks, 8 bits between the two passes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "picture/picture.h"

namespace riffle {

enum class Interpolation { kNearest, kBox, kBilinear, kHamming, kBicubic, kLanczos };

/// One name of a filter; the first row of a filter is its own name, later ones are what other programs call it.
struct InterpolationName {
  std::string_view name;
  Interpolation interpolation;
};
std::span<const InterpolationName> InterpolationNames();
std::string_view NameOf(Interpolation interpolation);
/// InvalidArgument names the nearest filter.
Result<Interpolation> ParseInterpolation(std::string_view name);

/// A rectangle of the resized picture.
struct Window {
  int64_t top = 0;
  int64_t left = 0;
  int height = 0;
  int width = 0;
};

/// The part of the source that is resized, between pixels where need be: its edges count from the source's.
struct SourceBox {
  double top = 0, left = 0, height = 0, width = 0;

  static SourceBox Whole(const PictureView& source) {
    return {0, 0, static_cast<double>(source.height), static_cast<double>(source.width)};
  }
};

/// Weights of source pixels are integers in units of 2^-22: 8 bits of a pixel and 2 for the overshoot of negative lobes
/// fill an int32.
inline constexpr int kResizeWeightBits = 22;

/// One side of a picture: `pixels` of which those from `offset` on, `length` of them, are resized.
struct ResizedSide {
  int64_t pixels;
  double offset, length;

  bool IsWhole() const { return offset == 0 && length == static_cast<double>(pixels); }
};

/// The filter of each output pixel along one side.
struct ResizeAxis {
  std::vector<int64_t> first;    ///< source pixel under each filter's first weight
  std::vector<int32_t> count;    ///< of weights
  std::vector<int32_t> weights;  ///< max_count for each output pixel
  int64_t max_count = 0;
};

/// The filters of the output pixels [begin, begin + size) where `from` becomes `to` pixels: what Resize takes, first
/// along rows, rounding to bytes, then along columns.
void MakeResizeAxis(const ResizedSide& from, int64_t to, int64_t begin, int size, Interpolation interpolation,
                    ResizeAxis& axis);

/// Memory that resizing uses again. One for each thread.
struct ResizeScratch {
  ResizeAxis rows, columns;
  std::vector<int32_t> repeated;  // the columns' weights as NarrowAxis has them
  std::vector<uint8_t> wide_row;
  std::vector<uint8_t> narrowed;  // the source rows that are needed, at the new width
};

/// What a picture's side may grow to.
inline constexpr int64_t kMaxResizedSide = int64_t{1} << 24;

/// Writes the `window` of `box` of `source` resized to height × width, computing nothing else. Only the pixels of
/// `source` are seen: a crop does not look beyond its border. REQUIRES: source is not empty, the box lies in it, the
/// window lies in height × width, both at most kMaxResizedSide. Source: Pillow's Resample.c (its filters, rounding and
/// 22-bit weights).
void Resize(const PictureView& source, const SourceBox& box, int64_t height, int64_t width, const Window& window,
            Interpolation interpolation, ResizeScratch& scratch, Picture& out);

/// The same for the whole of `source`.
void Resize(const PictureView& source, int64_t height, int64_t width, const Window& window, Interpolation interpolation,
            ResizeScratch& scratch, Picture& out);

}  // namespace riffle
