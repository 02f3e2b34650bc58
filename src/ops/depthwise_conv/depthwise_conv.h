// 3×3 depthwise convolution, padding 1 on every side, stride 1 or 2: each row on its own. The channel shuffle is the
// row index that it reads (paper, Section 3.1): in_row is the permutation, and no pass over memory is spent on it,
// forward or backward.
//   y[r](i, j) = bias[r] + Σ_uv weight[weight_row[r]][u][v] · in(x[in_row[r]])(stride·i + u − 1, stride·j + v − 1)
#pragma once

#include "ops/common.h"

namespace riffle {

struct DepthwiseConvShape {
  int channels = 0;
  Plane in;
  int stride = 1;
  constexpr Plane out() const { return OutPlane(in, stride); }
};

/// The rows that belong together. REQUIRES: in_row is a permutation.
struct DepthwiseRows {
  const int* in_row = nullptr;      ///< [channels]: row r of y comes from this row of x; null: r
  const int* weight_row = nullptr;  ///< [channels]: and from this kernel; null: r
};

template <class T, class Map = T>
struct DepthwiseConvForward {
  Rows<Map> y;
  Rows<const Map> x;
  Activation<T> in;           ///< of x, indexed by x's rows; padding is zero after it
  const T* weight = nullptr;  ///< [channels][3][3]
  const T* bias = nullptr;    ///< [channels] by row of y, or null
  DepthwiseRows rows;
  Moments<T>* moments = nullptr;  ///< [channels] by row of y, or null
};

template <class T, class Map = T>
struct DepthwiseConvBackward {
  GradientSink<T, Map> dx;    ///< rows, moments and sums by row of x; masked where in.relu is off; `add` is not
                              ///< supported, and where sums are wanted, raw is x
  T* dweight = nullptr;       ///< [channels][3][3], overwritten
  GradientSource<T, Map> dy;  ///< by row of y
  Rows<const Map> x;
  Activation<T> in;
  const T* weight = nullptr;
  DepthwiseRows rows;
};

}  // namespace riffle
