// Channel-major feature maps: row c holds channel c of every picture of the batch, one after another (docs/layout.md).
//   value of channel c, picture n, row h, column w:  data[c * stride + (n * H + h) * W + w]
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/arena.h"

namespace riffle {

/// Floats from one row to the next for rows of `pixels` values: whole cache lines, and an odd number of them. Kernels
/// read many rows at the same column; with an even stride those addresses would fall into few sets of the cache and
/// evict one another.
constexpr int64_t RowStride(int64_t pixels) {
  const int64_t lines = (pixels + kCacheLineFloats - 1) / kCacheLineFloats;
  return (lines | 1) * kCacheLineFloats;
}

/// The rows of a feature map, or of a range of its channels. A view; owns nothing; null where an op does without.
template <class T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;

  constexpr T* operator[](int64_t row) const { return data + row * stride; }
  constexpr explicit operator bool() const { return data != nullptr; }
  constexpr Rows From(int64_t row) const { return {data + row * stride, stride}; }
  constexpr operator Rows<const T>() const requires(!std::is_const_v<T>) {
    return {data, stride};
  }  // NOLINT: reading is always allowed
};

}  // namespace riffle
