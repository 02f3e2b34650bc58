// The reference of relu.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/relu/relu.h"

namespace riffle {

template <class T>
void ReferenceReluForward(const Execution& execution, const ReluShape& shape, const ReluForward<T>& a) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) {
    for (int64_t p = 0; p < shape.pixels; ++p) a.y[c][p] = Relu(a.scale[c] * a.x[c][p] + a.shift[c]);
  });
}

}  // namespace riffle
