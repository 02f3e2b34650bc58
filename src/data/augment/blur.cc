#include "data/augment/blur.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace riffle {
namespace {

constexpr int kPasses = 3;

// A box of whole pixels, and a share of one more at either end; weights are in units of 2^-24.
struct Box {
  int radius;
  uint32_t inner, outer;
};

Box BoxFor(float sigma) {
  const float variance = sigma * sigma / kPasses;
  const float length = static_cast<float>(std::sqrt(12.0 * variance + 1.0));
  const float whole = static_cast<float>(std::floor((length - 1.0) / 2.0));
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  part /= 6 * (variance - (whole + 1) * (whole + 1));
  const float radius = whole + part;
  Box box{.radius = static_cast<int>(radius)};
  box.inner = static_cast<uint32_t>(static_cast<float>(1 << 24) / (radius * 2 + 1));
  box.outer = ((1 << 24) - static_cast<uint32_t>(box.radius * 2 + 1) * box.inner) / 2;
  return box;
}

// One line of `count` pixels, `step` values apart; the sum of the box moves along.
void BlurLine(const uint8_t* in, int count, int64_t step, const Box& box, uint8_t* out) {
  const auto at = [&](int x) -> uint32_t { return in[std::clamp(x, 0, count - 1) * step]; };
  uint32_t sum = 0;
  for (int x = -box.radius; x <= box.radius; ++x) sum += at(x);
  for (int x = 0; x < count; ++x) {
    const uint32_t ends = at(x - box.radius - 1) + at(x + box.radius + 1);
    out[x * step] = static_cast<uint8_t>((sum * box.inner + ends * box.outer + (1 << 23)) >> 24);
    sum += at(x + box.radius + 1) - at(x - box.radius);
  }
}

}  // namespace

void GaussianBlur(Picture& picture, float sigma, Picture& scratch) {
  const Box box = BoxFor(sigma);
  const int channels = picture.channels;
  scratch.Reshape(picture.height, picture.width, channels);
  for (int pass = 0; pass < kPasses; ++pass) {
    for (int y = 0; y < picture.height; ++y)
      for (int c = 0; c < channels; ++c) BlurLine(picture.Row(y) + c, picture.width, channels, box, scratch.Row(y) + c);
    std::swap(picture.pixels, scratch.pixels);
  }
  for (int pass = 0; pass < kPasses; ++pass) {
    for (int64_t i = 0; i < picture.RowBytes(); ++i)
      BlurLine(picture.pixels.data() + i, picture.height, picture.RowBytes(), box, scratch.pixels.data() + i);
    std::swap(picture.pixels, scratch.pixels);
  }
}

}  // namespace riffle
