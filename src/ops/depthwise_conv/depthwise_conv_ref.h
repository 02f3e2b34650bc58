// The reference of depthwise_conv.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/depthwise_conv/depthwise_conv.h"

namespace riffle {

inline int64_t InRow(const DepthwiseRows& rows, int64_t r) { return rows.in_row ? rows.in_row[r] : r; }
inline int64_t WeightRow(const DepthwiseRows& rows, int64_t r) { return rows.weight_row ? rows.weight_row[r] : r; }

/// Calls visit(p, tap, q) for each pixel p of an output row, each of its nine taps and the pixel q of the input row
/// under that tap, where that lies inside the picture.
template <class Visit>
void ForEachTap(const DepthwiseConvShape& shape, const Visit& visit) {
  const Plane in = shape.in, out = shape.out();
  for (int64_t p = 0; p < out.pixels(); ++p) {
    const int64_t n = p / out.area(), i = p % out.area() / out.width, j = p % out.width;
    for (int u = 0; u < 3; ++u) {
      for (int v = 0; v < 3; ++v) {
        const int64_t h = shape.stride * i + u - 1, w = shape.stride * j + v - 1;
        if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
        visit(p, 3 * u + v, (n * in.height + h) * in.width + w);
      }
    }
  }
}

template <class T>
void ReferenceDepthwiseConvForward(const Execution& execution, const DepthwiseConvShape& shape,
                                   const DepthwiseConvForward<T>& a) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t r) {
    const int64_t s = InRow(a.rows, r);
    const T* weight = a.weight + 9 * WeightRow(a.rows, r);
    for (int64_t p = 0; p < shape.out().pixels(); ++p) a.y[r][p] = a.bias ? a.bias[r] : T(0);
    ForEachTap(shape, [&](int64_t p, int tap, int64_t q) { a.y[r][p] += weight[tap] * Activate(a.in, s, a.x[s][q]); });
    if (a.moments) a.moments[r] = RowMoments(a.y[r], shape.out().pixels());
  });
}

template <class T>
void ReferenceDepthwiseConvBackward(const Execution& execution, const DepthwiseConvShape& shape,
                                    const DepthwiseConvBackward<T>& a) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t r) {
    const int64_t s = InRow(a.rows, r);
    const T* weight = a.weight + 9 * WeightRow(a.rows, r);
    T* dweight = a.dweight + 9 * WeightRow(a.rows, r);
    T* dx = a.dx.dz[s];
    for (int tap = 0; tap < 9; ++tap) dweight[tap] = 0;
    for (int64_t q = 0; q < shape.in.pixels(); ++q) dx[q] = 0;
    ForEachTap(shape, [&](int64_t p, int tap, int64_t q) {
      const T dy = RawGradient(a.dy, r, p);
      dweight[tap] += dy * Activate(a.in, s, a.x[s][q]);
      dx[q] += dy * weight[tap];
    });
    for (int64_t q = 0; q < shape.in.pixels(); ++q) dx[q] = MaskGradient(a.in, s, a.x[s][q], dx[q]);
    GatherSums(a.dx, s, shape.in.pixels());
  });
}

}  // namespace riffle
