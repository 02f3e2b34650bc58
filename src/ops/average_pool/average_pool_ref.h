// The reference of average_pool.h.
#pragma once

#include "ops/average_pool/average_pool.h"
#include "ops/max_pool/max_pool_ref.h"

namespace riffle {

/// What each output pixel's sum is divided by.
template <class T>
std::vector<T> Divisors(const AveragePoolShape& shape) {
  if (shape.divisor == AverageDivisor::kNine) return std::vector<T>(shape.out().pixels(), T(9));
  std::vector<T> divisors(shape.out().pixels(), T(0));
  ForEachInWindow(shape, [&](int64_t p, int64_t) { divisors[p] += T(1); });
  return divisors;
}

template <class T>
void ReferenceAveragePoolForward(const Execution& execution, const AveragePoolShape& shape,
                                 const AveragePoolForward<T>& a) {
  const std::vector<T> divisors = Divisors<T>(shape);
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    for (int64_t p = 0; p < shape.out().pixels(); ++p) a.y[c][p] = 0;
    ForEachInWindow(shape, [&](int64_t p, int64_t q) { a.y[c][p] += a.x[c][q]; });
    for (int64_t p = 0; p < shape.out().pixels(); ++p) a.y[c][p] /= divisors[p];
  });
}

template <class T>
void ReferenceAveragePoolBackward(const Execution& execution, const AveragePoolShape& shape,
                                  const AveragePoolBackward<T>& a) {
  const std::vector<T> divisors = Divisors<T>(shape);
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    for (int64_t q = 0; q < shape.in.pixels(); ++q) a.dx[c][q] = 0;
    ForEachInWindow(shape, [&](int64_t p, int64_t q) { a.dx[c][q] += a.dy[c][p] / divisors[p]; });
  });
}

}  // namespace riffle
