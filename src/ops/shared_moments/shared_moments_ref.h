// The reference of shared_moments.h.
#pragma once

#include <algorithm>

#include "ops/common_ref.h"
#include "ops/shared_moments/shared_moments.h"

namespace riffle {

/// Of real parts: a process's sums are added to others', not differentiated.
template <class T>
void ReferenceSumsOfMoments(const Execution&, const SharedMomentsShape& shape, const SumsOfMoments<T>& a) {
  const auto n = static_cast<double>(shape.pixels);
  for (int row = 0; row < shape.channels; ++row) {
    a.sums[row] = {};
    if (shape.pixels == 0) continue;
    const double mean = RealPart(a.moments[row].mean), variance = RealPart(a.moments[row].variance);
    a.sums[row] = {n * mean, n * (variance + mean * mean)};
  }
}

template <class T>
void ReferenceMomentsOfSums(const Execution&, const SharedMomentsShape& shape, const MomentsOfSums<T>& a) {
  const auto n = static_cast<double>(shape.pixels);
  for (int row = 0; row < shape.channels; ++row) {
    const double mean = a.sums[row].values / n;
    a.moments[row] = {T(mean), T(std::max(0.0, a.sums[row].squares / n - mean * mean))};
  }
}

}  // namespace riffle
