#include "data/augment/enhance.h"

#include <algorithm>
#include <cmath>

#include "data/augment/point.h"

namespace riffle {
namespace {

uint8_t Mixed(int poor, int value, float factor) {
  const float mixed = static_cast<float>(poor) + factor * static_cast<float>(value - poor);
  return static_cast<uint8_t>(std::clamp(mixed, 0.0f, 255.0f));
}

// ITU-R 601 as in ConvertChannels.
int Luma(const uint8_t* rgb) {
  return static_cast<int>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

int RoundedMeanLuma(const Picture& picture) {
  const int64_t pixels = int64_t{picture.height} * picture.width;
  const uint8_t* values = picture.pixels.data();
  int64_t sum = 0;
  if (picture.channels == 1) {
    for (int64_t i = 0; i < pixels; ++i) sum += values[i];
  } else {
    for (int64_t i = 0; i < pixels; ++i) sum += Luma(values + 3 * i);
  }
  return static_cast<int>(static_cast<double>(sum) / static_cast<double>(pixels) + 0.5);
}

void MixWithConstant(Picture& picture, int poor, float factor) {
  ValueTable table;
  for (int value = 0; value < 256; ++value) table[value] = Mixed(poor, value, factor);
  ApplyTable(picture, table);
}

}  // namespace

void Brightness(Picture& picture, float factor) {
  if (factor != 1) MixWithConstant(picture, 0, factor);
}

void Contrast(Picture& picture, float factor) {
  if (factor != 1) MixWithConstant(picture, RoundedMeanLuma(picture), factor);
}

void Color(Picture& picture, float factor) {
  if (picture.channels == 1 || factor == 1) return;
  uint8_t* end = picture.pixels.data() + picture.pixels.size();
  for (uint8_t* rgb = picture.pixels.data(); rgb != end; rgb += 3) {
    const int luma = Luma(rgb);
    for (int c = 0; c < 3; ++c) rgb[c] = Mixed(luma, rgb[c], factor);
  }
}

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
