// What pictures.h makes of single values: one set of functions for all backends. Nothing is fused, so that each gives
// the same bits.
#pragma once

#include <cstdint>

#include "ops/pictures/pictures.h"

namespace riffle::picture_values {

constexpr uint8_t RoundToByte(int32_t sum) {
  const int32_t value = (sum + (1 << (kTapBits - 1))) >> kTapBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// One output pixel's taps along a side.
struct Taps {
  int32_t first, count;
  const int32_t* weights;

  constexpr Taps(const int32_t* all, const PictureSide& side, int64_t i)
      : first(all[side.taps + i * side.stride()]),
        count(all[side.taps + i * side.stride() + 1]),
        weights(all + side.taps + i * side.stride() + 2) {}
};

/// Pixel (y, x) of picture n.
template <int kChannels>
constexpr void Resample(const ResamplePictures& a, int64_t n, int y, int x, uint8_t* out) {
  const PictureSource source = a.sources[n];
  const uint8_t* const first = (source.is_kept ? a.kept : a.bytes) + source.pixels;
  const Taps rows(a.taps, source.rows, y), columns(a.taps, source.columns, x);
  int32_t sums[kChannels] = {};
  for (int k = 0; k < rows.count; ++k) {
    const uint8_t* pixel = first + (rows.first + k) * source.row_bytes + int64_t{columns.first} * kChannels;
    int32_t of_row[kChannels] = {};
    for (int l = 0; l < columns.count; ++l)
      for (int c = 0; c < kChannels; ++c) of_row[c] += pixel[l * kChannels + c] * columns.weights[l];
    for (int c = 0; c < kChannels; ++c) sums[c] += RoundToByte(of_row[c]) * rows.weights[k];
  }
  for (int c = 0; c < kChannels; ++c) out[c] = RoundToByte(sums[c]);
}

/// The values of a pixel; of a grey one the first alone.
template <int kChannels>
struct Pixel {
  float v[kChannels];

  constexpr explicit Pixel(const uint8_t* bytes) : v{} {
    for (int c = 0; c < kChannels; ++c) v[c] = bytes[c];
  }
  constexpr float Luma() const {
    if constexpr (kChannels == 1) return v[0];
    const float weighted = (v[0] * 19595.0f + v[1 % kChannels] * 38470.0f) + (v[2 % kChannels] * 7471.0f + 32768.0f);
    return static_cast<float>(static_cast<int32_t>(weighted * (1.0f / 65536)));
  }
  constexpr void Mix(float poor, float factor) {
    for (float& value : v) {
      const float change = factor * (value - poor), mixed = poor + change;
      value = static_cast<float>(static_cast<int32_t>(mixed < 0 ? 0 : mixed > 255 ? 255 : mixed));
    }
  }
  /// `mean` is the poor picture of contrast.
  constexpr void Apply(const ColorStep& step, float mean) {
    using Kind = ColorStep::Kind;
    if (step.kind == Kind::kBrightness) Mix(0, step.factor);
    if (step.kind == Kind::kContrast) Mix(mean, step.factor);
    if (step.kind == Kind::kSaturation) Mix(Luma(), step.factor);
  }
};

/// Which of the steps is contrast; as many as there are steps: none.
constexpr size_t ContrastOf(const PictureFinish& finish) {
  size_t step = 0;
  while (step < finish.colors.size() && finish.colors[step].kind != ColorStep::Kind::kContrast) ++step;
  return step;
}

/// The luma of a pixel as contrast finds it.
template <int kChannels>
constexpr int32_t LumaBefore(const PictureFinish& finish, size_t contrast, const uint8_t* bytes) {
  Pixel<kChannels> pixel(bytes);
  for (size_t step = 0; step < contrast; ++step) pixel.Apply(finish.colors[step], 0);
  return static_cast<int32_t>(pixel.Luma());
}

/// The mean of `sum` over `count` pixels, rounded; a half goes up.
constexpr float RoundedMean(int64_t sum, int64_t count) {
  const int64_t mean = (2 * sum + count) / (2 * count);
  return static_cast<float>(mean);
}

/// Whether a pixel is erased, and its number in channel c of the rectangle.
constexpr bool Erases(const PictureFinish& f, int y, int x) {
  return f.top <= y && y < f.top + f.height && f.left <= x && x < f.left + f.width;
}
constexpr uint64_t NumberInErased(const PictureFinish& f, int c, int y, int x) {
  return (static_cast<uint64_t>(c) * f.height + (y - f.top)) * f.width + (x - f.left);
}

/// What is written for channel c of an erased pixel.
constexpr float Erased(const PictureFinish& finish, const FinishOptions& options, int c, int y, int x) {
  if (!options.erases_with_noise) return options.erased[c];
  RandomStream noise = finish.noise;
  noise.Skip(RandomStream::kBitsOfNormal * NumberInErased(finish, c, y, x));
  const double first = noise.Uniform();
  return static_cast<float>(StandardNormal(first, noise.Uniform()));
}

/// The values of pixel (y, x) of picture n, once its mean for contrast is known: write(c, value).
template <int kChannels, class Write>
constexpr void Finish(const PictureFinish& finish, const FinishOptions& options, float mean, const uint8_t* bytes,
                      int y, int x, const Write& write) {
  const bool erases = Erases(finish, y, x);
  Pixel<kChannels> pixel(bytes);
  for (const ColorStep& step : finish.colors) pixel.Apply(step, mean);
  for (int c = 0; c < kChannels; ++c) {
    const float scaled = pixel.v[c] * options.scale[c];
    write(c, erases ? Erased(finish, options, c, y, x) : scaled + options.shift[c]);
  }
}

}  // namespace riffle::picture_values
