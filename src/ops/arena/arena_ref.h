// The reference of arena.h.
#pragma once

#include "ops/arena/arena.h"
#include "ops/common_ref.h"

namespace riffle {

template <class T>
void ReferenceAccumulate(const Execution&, int64_t count, const Accumulate<T>& a) {
  for (int64_t i = 0; i < count; ++i) a.sum[i] = a.first ? a.values[i] : a.sum[i] + a.values[i];
}

template <class T>
void ReferenceApproach(const Execution&, int64_t count, const Approach<T>& a) {
  const T share(*a.share);
  for (int64_t i = 0; i < count; ++i) a.average[i] += share * (a.values[i] - a.average[i]);
}

/// Of real parts: norms are compared, not differentiated.
template <class T>
void ReferenceSquaredNorms(const Execution&, int64_t ranges, const SquaredNorms<T>& a) {
  for (int64_t r = 0; r < ranges; ++r) {
    a.squares[r] = 0;
    for (int64_t i = 0; i < a.ranges[r].size; ++i) {
      const double value = RealPart(a.values[a.ranges[r].begin + i]);
      a.squares[r] += value * value;
    }
  }
}

template <class T>
void ReferenceClipNorm(const Execution&, int64_t count, const ClipNorm<T>& a) {
  double sum = 0;
  for (int64_t r = 0; r < a.square_count; ++r) sum += a.squares[r];
  const double norm = sqrt(sum);
  if (!(norm > a.max_norm)) return;
  for (int64_t i = 0; i < count; ++i) a.values[i] *= T(a.max_norm / norm);
}

template <class T>
void ReferenceAllFinite(const Execution&, int64_t count, const AllFinite<T>& a) {
  *a.finite = 1;
  for (int64_t i = 0; i < count; ++i)
    if (!std::isfinite(RealPart(a.values[i]))) *a.finite = 0;
}

}  // namespace riffle
