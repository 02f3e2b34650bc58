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

uint8_t Weighted(const Box& box, uint32_t sum, uint32_t ends) {
  return static_cast<uint8_t>((sum * box.inner + ends * box.outer + (1 << 23)) >> 24);
}

// Along rows: the sum of the box moves from pixel to pixel.
template <int kChannels>
void BlurRows(const Picture& in, const Box& box, Picture& out) {
  const int width = in.width;
  const auto at = [&](const uint8_t* row, int x) { return row + std::clamp(x, 0, width - 1) * kChannels; };
  for (int y = 0; y < in.height; ++y) {
    const uint8_t* row = in.View().Row(y);
    uint8_t* to = out.Row(y);
    uint32_t sum[kChannels] = {};
    for (int x = -box.radius; x <= box.radius; ++x)
      for (int c = 0; c < kChannels; ++c) sum[c] += at(row, x)[c];
    for (int x = 0; x < width; ++x, to += kChannels) {
      const uint8_t *before = at(row, x - box.radius - 1), *after = at(row, x + box.radius + 1);
      const uint8_t* first = at(row, x - box.radius);
      for (int c = 0; c < kChannels; ++c) {
        to[c] = Weighted(box, sum[c], before[c] + after[c]);
        sum[c] += after[c] - first[c];
      }
    }
  }
}

// Across rows: the sums of a cache line's width of columns move down together.
void BlurColumns(const Picture& in, const Box& box, Picture& out) {
  constexpr int64_t kColumns = 64;
  for (int64_t left = 0; left < in.RowBytes(); left += kColumns) {
    const int64_t columns = std::min(kColumns, in.RowBytes() - left);
    const auto at = [&](int y) { return in.View().Row(std::clamp(y, 0, in.height - 1)) + left; };
    uint32_t sum[kColumns] = {};
    for (int y = -box.radius; y <= box.radius; ++y)
      for (int64_t i = 0; i < columns; ++i) sum[i] += at(y)[i];
    for (int y = 0; y < in.height; ++y) {
      const uint8_t *before = at(y - box.radius - 1), *after = at(y + box.radius + 1), *first = at(y - box.radius);
      uint8_t* to = out.Row(y) + left;
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = Weighted(box, sum[i], before[i] + after[i]);
        sum[i] += after[i] - first[i];
      }
    }
  }
}

}  // namespace

void GaussianBlur(Picture& picture, float sigma, Picture& scratch) {
  const Box box = BoxFor(sigma);
  scratch.Reshape(picture.height, picture.width, picture.channels);
  for (int pass = 0; pass < kPasses; ++pass) {
    picture.channels == 1 ? BlurRows<1>(picture, box, scratch) : BlurRows<3>(picture, box, scratch);
    std::swap(picture.pixels, scratch.pixels);
  }
  for (int pass = 0; pass < kPasses; ++pass) {
    BlurColumns(picture, box, scratch);
    std::swap(picture.pixels, scratch.pixels);
  }
}

}  // namespace riffle
