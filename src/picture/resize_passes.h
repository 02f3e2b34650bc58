// The two passes of resizing that take the time, for the instruction set at hand. Integers: every set gives the same
// values.
#pragma once

#include <cstdint>

#include "picture/resize.h"

namespace riffle {

/// Taps of a NarrowAxis come in multiples of this, the last of them with weight 0: as many as the widest vector holds
/// pixels of four values.
inline constexpr int kTapsPerGroup = 4;

/// The filters along a row of RGB.
struct NarrowAxis {
  int size = 0;                      ///< output pixels
  const int64_t* first = nullptr;    ///< [size] source pixel under the first tap
  const int32_t* count = nullptr;    ///< [size] taps
  const int32_t* weights = nullptr;  ///< [size][taps][4]: each weight four times
  int64_t taps = 0;                  ///< a multiple of kTapsPerGroup
};

/// out[y][x] = Σ_k weight[x][k] · source[y][first[x] + k], rounded and clamped to a byte, for each row of an RGB
/// picture. `out` has rows of 3 · axis.size bytes without gaps, and room for one more byte at the end. `row_scratch`
/// holds 4 · (source.width + kTapsPerGroup) bytes.
void NarrowRgbRows(const PictureView& source, const NarrowAxis& axis, uint8_t* row_scratch, uint8_t* out);

/// out[x] = Σ_k weights[k] · rows[k][x], rounded and clamped to a byte, for the first `values` of rows that lie
/// `row_bytes` apart.
void BlendRows(const uint8_t* rows, int64_t row_bytes, const int32_t* weights, int count, int64_t values, uint8_t* out);

}  // namespace riffle
