#include "data/augment/enhance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "data/augment/enhance_pass.h"
#include "data/augment/point.h"

namespace riffle {
namespace {

constexpr size_t kMaxSteps = 3;

uint8_t Mixed(int poor, int value, float factor) {
  const float mixed = static_cast<float>(poor) + factor * static_cast<float>(value - poor);
  return static_cast<uint8_t>(std::clamp(mixed, 0.0f, 255.0f));
}

int RoundedMean(int64_t sum, int64_t count) {
  return static_cast<int>(std::floor(static_cast<double>(sum) / static_cast<double>(count) + 0.5));
}

void MixWithConstant(Picture& picture, int poor, float factor) {
  ValueTable table;
  for (int value = 0; value < 256; ++value) table[value] = Mixed(poor, value, factor);
  ApplyTable(picture, table);
}

// Colour leaves grey as it is.
void EnhanceGrey(Picture& picture, const EnhanceStep& step) {
  if (step.what == Enhancement::kColor || step.factor == 1) return;
  const int64_t count = static_cast<int64_t>(picture.pixels.size());
  const int64_t sum = std::accumulate(picture.pixels.begin(), picture.pixels.end(), int64_t{0});
  MixWithConstant(picture, step.what == Enhancement::kBrightness ? 0 : RoundedMean(sum, count), step.factor);
}

}  // namespace

void Enhance(Picture& picture, std::span<const EnhanceStep> steps) {
  if (picture.channels == 1) {
    for (const EnhanceStep& step : steps) EnhanceGrey(picture, step);
    return;
  }
  const int64_t pixels = int64_t{picture.height} * picture.width;
  std::array<MixStep, kMaxSteps> mixes;
  size_t count = 0;
  for (const EnhanceStep& step : steps) {
    if (step.factor == 1) continue;
    float poor = step.what == Enhancement::kColor ? kPoorIsLuma : 0;
    if (step.what == Enhancement::kContrast)
      poor = static_cast<float>(RoundedMean(SumOfLuma({mixes.data(), count}, picture.pixels.data(), pixels), pixels));
    mixes[count++] = {step.factor, poor};
  }
  if (count > 0) MixPixels({mixes.data(), count}, picture.pixels.data(), pixels);
}

void Brightness(Picture& picture, float factor) {
  Enhance(picture, std::array{EnhanceStep{Enhancement::kBrightness, factor}});
}
void Contrast(Picture& picture, float factor) {
  Enhance(picture, std::array{EnhanceStep{Enhancement::kContrast, factor}});
}
void Color(Picture& picture, float factor) { Enhance(picture, std::array{EnhanceStep{Enhancement::kColor, factor}}); }

void Sharpness(Picture& picture, float factor, Picture& scratch) {
  if (factor == 1 || picture.height < 3 || picture.width < 3) return;
  scratch.Reshape(picture.height, picture.width, picture.channels);
  const int64_t step = picture.channels, last = picture.RowBytes() - step;
  const auto copy = [&](int y) { std::copy_n(picture.Row(y), picture.RowBytes(), scratch.Row(y)); };
  copy(0);
  copy(picture.height - 1);
  for (int y = 1; y + 1 < picture.height; ++y) {
    const uint8_t *above = picture.Row(y - 1), *row = picture.Row(y), *below = picture.Row(y + 1);
    uint8_t* out = scratch.Row(y);
    std::copy_n(row, step, out);
    std::copy_n(row + last, step, out + last);
    for (int64_t i = step; i < last; ++i) {
      const int sum = above[i - step] + above[i] + above[i + step] + row[i - step] + 5 * row[i] + row[i + step] +
                      below[i - step] + below[i] + below[i + step];
      out[i] = Mixed((2 * sum + 13) / 26, row[i], factor);
    }
  }
  std::swap(picture.pixels, scratch.pixels);
}

void BlendInto(Picture& out, const Picture& other, float share) {
  uint8_t* values = out.pixels.data();
  for (size_t i = 0; i < out.pixels.size(); ++i) values[i] = Mixed(values[i], other.pixels[i], share);
}

}  // namespace riffle
