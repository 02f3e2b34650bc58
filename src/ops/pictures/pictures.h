// From the bytes of pictures to the network's input, with the bits that the loader's workers give on the CPU
// (data/transform.h):
//   resample_pictures  cuts, resizes, pads and mirrors. All of it is in tables of taps: with the integer weights w of
//                      output row y and column x, and each sum rounded to a byte,
//                        out[y][x] = Σ_k w[y][k] · (Σ_l w[x][l] · source[first[y] + k][first[x] + l])
//   finish_pictures    brightness, contrast and saturation, then value · scale + shift, then random erasing
#pragma once

#include <array>

#include "base/random.h"
#include "ops/common.h"

namespace riffle {

/// Pictures of a batch, square.
struct PicturesShape {
  int64_t images = 0;
  int size = 0;      ///< pixels of a side
  int channels = 0;  ///< 1: grey, 3: RGB
  constexpr Plane plane() const { return {images, size, size}; }
  constexpr int64_t values() const { return plane().area() * channels; }  ///< of a picture
};

/// Weights are integers in units of 2^-kTapBits; all of one output pixel, as many bytes, fit an int32.
inline constexpr int kTapBits = 22;

/// The taps along one side of a picture: for each output pixel the first source pixel, the number of taps, and `most`
/// weights, of which the others count for nothing. No taps at all: black.
struct PictureSide {
  int64_t taps = 0;  ///< where in ResamplePictures::taps they begin
  int32_t most = 0;
  constexpr int64_t stride() const { return 2 + most; }  ///< integers of an output pixel
};

/// Where a picture of the batch comes from.
struct PictureSource {
  int64_t pixels = 0;    ///< where in `bytes`, or in `kept`, its first byte is; channels lie side by side
  bool is_kept = false;  ///< in `kept`
  int64_t row_bytes = 0;
  PictureSide rows, columns;
};

struct ResamplePictures {
  uint8_t* resampled = nullptr;    ///< [images][size][size][channels]
  const uint8_t* bytes = nullptr;  ///< of this batch
  const uint8_t* kept = nullptr;   ///< of pictures that are on the device for good
  const int32_t* taps = nullptr;
  const PictureSource* sources = nullptr;  ///< [images]
};

/// out = poor + factor · (value − poor), cut off at 0 and 255 and rounded down, as Pillow's ImageEnhance: poor is
/// black, the rounded mean of the picture's luma, or each pixel's luma.
struct ColorStep {
  enum class Kind : int32_t { kNone, kBrightness, kContrast, kSaturation };
  Kind kind = Kind::kNone;
  float factor = 1;
};

/// What is done to a picture of the batch once it has its size.
struct PictureFinish {
  std::array<ColorStep, 3> colors;                   ///< in this order; contrast is one of them at most
  int32_t top = 0, left = 0, height = 0, width = 0;  ///< the rectangle that is erased
  /// Where erasing leaves noise: value i of the rectangle, in the order channel, row, column, is what Normal() gives
  /// after i calls.
  RandomStream noise = {0, RandomPurpose::kAugmentation, 0, 0};
};

/// What is the same for all pictures of a batch.
struct FinishOptions {
  std::array<float, 3> scale = {1, 1, 1}, shift = {};  ///< of each channel
  std::array<float, 3> erased = {};                    ///< the value of each channel in rectangles, unless
  bool erases_with_noise = false;
};

template <class T>
struct FinishPictures {
  Rows<T> pictures;  ///< [channels][images·size·size]; what lies behind the pixels of its rows becomes zero
  const uint8_t* resampled = nullptr;
  const PictureFinish* finishes = nullptr;  ///< [images]
  FinishOptions options;
};

}  // namespace riffle
