// The reference of global_average_pool.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/global_average_pool/global_average_pool.h"

namespace riffle {

template <class T>
void ReferenceGlobalAveragePoolForward(const Execution& execution, const GlobalAveragePoolShape& shape,
                                       const GlobalAveragePoolForward<T>& a) {
  const int64_t area = shape.in.area();
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    for (int64_t n = 0; n < shape.in.images; ++n) {
      T sum = 0;
      for (int64_t p = 0; p < area; ++p) sum += a.x[c][n * area + p];
      a.features[n * shape.channels + c] = sum / T(area);
    }
  });
}

template <class T>
void ReferenceGlobalAveragePoolBackward(const Execution& execution, const GlobalAveragePoolShape& shape,
                                        const GlobalAveragePoolBackward<T>& a) {
  const int64_t area = shape.in.area();
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    for (int64_t p = 0; p < shape.in.pixels(); ++p) {
      const T dx = a.dfeatures[p / area * shape.channels + c] / T(area);
      a.dx[c][p] = Positive(a.x[c][p]) ? dx : T(0);
    }
  });
}

}  // namespace riffle
