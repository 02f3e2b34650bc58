// The reference of gram.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/gram/gram.h"

namespace riffle {

template <class T>
void ReferenceGram(const Execution& execution, const GramShape& shape, const Gram<T>& a) {
  const int64_t K = shape.per_group();
  execution.pool.ParallelFor(shape.channels, [&](int64_t i) {
    for (int64_t k = 0; k < K; ++k) {
      const int64_t j = i / K * K + k;
      T sum = 0;
      for (int64_t p = 0; p < shape.pixels; ++p)
        sum += (a.x[i][p] - a.moments[i].mean) * (a.x[j][p] - a.moments[j].mean);
      a.comoments[i * K + k] = sum;
    }
  });
}

}  // namespace riffle
