// The reference of max_pool.h, and the window that both pools slide.
#pragma once

#include "ops/common_ref.h"
#include "ops/max_pool/max_pool.h"

namespace riffle {

/// Calls visit(p, q) for each pixel p of an output row and each pixel q of the input row in its window, in reading
/// order.
template <class Visit>
void ForEachInWindow(const PoolShape& shape, const Visit& visit) {
  const Plane in = shape.in, out = shape.out();
  for (int64_t p = 0; p < out.pixels(); ++p) {
    const int64_t n = p / out.area(), i = p % out.area() / out.width, j = p % out.width;
    const int64_t top = 2 * i - shape.before(in.height), left = 2 * j - shape.before(in.width);
    for (int64_t h = top; h < top + 3; ++h) {
      for (int64_t w = left; w < left + 3; ++w) {
        if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
        visit(p, (n * in.height + h) * in.width + w);
      }
    }
  }
}

/// The pixel of the input row that wins each window: the first of equal maxima.
template <class T>
std::vector<int64_t> Winners(const PoolShape& shape, const Activation<T>& in, int64_t row, const T* x) {
  std::vector<int64_t> winner(shape.out().pixels(), -1);
  ForEachInWindow(shape, [&](int64_t p, int64_t q) {
    const bool first = winner[p] < 0;
    if (first || RealPart(Activate(in, row, x[q])) > RealPart(Activate(in, row, x[winner[p]]))) winner[p] = q;
  });
  return winner;
}

template <class T>
void ReferenceMaxPoolForward(const Execution& execution, const PoolShape& shape, const MaxPoolForward<T>& a) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    const std::vector<int64_t> winner = Winners<T>(shape, a.in, c, a.x[c]);
    for (int64_t p = 0; p < shape.out().pixels(); ++p) a.y[c][p] = Activate(a.in, c, a.x[c][winner[p]]);
  });
}

template <class T>
void ReferenceMaxPoolBackward(const Execution& execution, const PoolShape& shape, const MaxPoolBackward<T>& a) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    T* dx = a.dx.dz[c];
    const std::vector<int64_t> winner = Winners<T>(shape, a.in, c, a.x[c]);
    for (int64_t q = 0; q < shape.in.pixels(); ++q) dx[q] = 0;
    for (int64_t p = 0; p < shape.out().pixels(); ++p) dx[winner[p]] += a.dy[c][p];
    for (int64_t q = 0; q < shape.in.pixels(); ++q) dx[q] = MaskGradient(a.in, c, a.x[c][q], dx[q]);
    GatherSums(a.dx, c, shape.in.pixels());
  });
}

}  // namespace riffle
