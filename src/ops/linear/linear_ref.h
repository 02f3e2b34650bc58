// The reference of linear.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/linear/linear.h"

namespace riffle {

template <class T>
void ReferenceLinearForward(const Execution& execution, const LinearShape& shape, const LinearForward<T>& a) {
  const int64_t C = shape.in_features, K = shape.out_features;
  execution.pool.ParallelFor(shape.images, [&](int64_t n) {
    for (int64_t k = 0; k < K; ++k) {
      T sum = 0;
      for (int64_t c = 0; c < C; ++c) sum += a.weight[k * C + c] * a.features[n * C + c];
      a.logits[n * K + k] = a.bias ? sum + a.bias[k] : sum;
    }
  });
}

template <class T>
void ReferenceLinearBackward(const Execution& execution, const LinearShape& shape, const LinearBackward<T>& a) {
  const int64_t C = shape.in_features, K = shape.out_features;
  execution.pool.ParallelFor(K, [&](int64_t k) {
    for (int64_t c = 0; c < C; ++c) {
      T sum = 0;
      for (int64_t n = 0; n < shape.images; ++n) sum += a.dlogits[n * K + k] * a.features[n * C + c];
      a.dweight[k * C + c] = sum;
    }
    if (!a.dbias) return;
    T sum = 0;
    for (int64_t n = 0; n < shape.images; ++n) sum += a.dlogits[n * K + k];
    a.dbias[k] = sum;
  });
  if (!a.dfeatures) return;
  execution.pool.ParallelFor(shape.images, [&](int64_t n) {
    for (int64_t c = 0; c < C; ++c) {
      T sum = 0;
      for (int64_t k = 0; k < K; ++k) sum += a.dlogits[n * K + k] * a.weight[k * C + c];
      a.dfeatures[n * C + c] = sum;
    }
  });
}

}  // namespace riffle
