// The reference of group_conv.h. Prepared weights: [out_channels][in_per_group], then [out_channels] biases.
#pragma once

#include <algorithm>

#include "ops/common_ref.h"
#include "ops/group_conv/group_conv.h"

namespace riffle {

inline int64_t ReferenceGroupConvPreparedValues(const GroupConvShape& shape) {
  return shape.weights() + shape.out_channels;
}

template <class T>
void ReferenceGroupConvPrepare(const Execution&, const GroupConvShape& shape, T* prepared,
                               const GroupConvWeights<T>& a) {
  std::copy_n(a.weight, shape.weights(), prepared);
  for (int64_t o = 0; o < shape.out_channels; ++o) prepared[shape.weights() + o] = a.bias ? a.bias[o] : T(0);
}

template <class T>
void ReferenceGroupConvForward(const Execution& execution, const GroupConvShape& shape, const GroupConvForward<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t o) {
    const T* weight = a.prepared + o * K;
    for (int64_t p = 0; p < shape.pixels; ++p) {
      T sum = a.prepared[shape.weights() + o];
      for (int64_t k = 0; k < K; ++k) sum += weight[k] * a.x[o / M * K + k][p];
      if (a.residual) sum += a.residual[o][p];
      a.y[o][p] = a.relu ? Relu(sum) : sum;
    }
    if (a.moments) a.moments[o] = RowMoments(a.y[o], shape.pixels);
  });
}

template <class T>
void ReferenceGroupConvBackward(const Execution& execution, const GroupConvShape& shape,
                                const GroupConvBackward<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t o) {
    for (int64_t k = 0; k < K; ++k) {
      const int64_t c = o / M * K + k;
      const T mean = a.x_moments ? a.x_moments[c].mean : T(0);
      T sum = 0;
      for (int64_t p = 0; p < shape.pixels; ++p) sum += RawGradient(a.dy, o, p) * (a.x[c][p] - mean);
      a.dweight[o * K + k] = sum;
    }
    if (!a.dy_sums) return;
    a.dy_sums[o] = 0;
    for (int64_t p = 0; p < shape.pixels; ++p) a.dy_sums[o] += RawGradient(a.dy, o, p);
  });
  if (!a.dx.dz) return;
  execution.pool.ParallelFor(shape.in_channels, [&](int64_t c) {
    const int64_t first = c / K * M, k = c % K;
    for (int64_t p = 0; p < shape.pixels; ++p) {
      T sum = a.dx.add ? a.dx.add[c][p] : T(0);
      for (int64_t o = first; o < first + M; ++o) sum += a.weight[o * K + k] * RawGradient(a.dy, o, p);
      a.dx.dz[c][p] = a.relu && !Positive(a.x[c][p]) ? T(0) : sum;
    }
    GatherSums(a.dx, c, shape.pixels);
  });
}

}  // namespace riffle
