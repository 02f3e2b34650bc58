// The reference of residual.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/residual/residual.h"

namespace riffle {

template <class T>
void ReferenceResidualForward(const Execution& execution, const ResidualShape& shape, const ResidualForward<T>& a) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    for (int64_t p = 0; p < shape.pixels; ++p) {
      const T z = a.scale[c] * a.x[c][p] + a.shift[c];
      a.y[c][p] = Relu(a.shortcut ? z + a.shortcut[c][p] : z);
    }
  });
}

template <class T>
void ReferenceResidualBackward(const Execution& execution, const ResidualShape& shape, const ResidualBackward<T>& a) {
  execution.pool.ParallelFor(shape.channels,
                             [&](int64_t c) { a.sums[c] = RowSums<T>(a.dz[c], a.raw[c], a.moments[c], shape.pixels); });
}

}  // namespace riffle
