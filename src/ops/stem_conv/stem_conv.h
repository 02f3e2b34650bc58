// The first convolution: 3×3, padding 1 on every side, stride 1 or 2, from 1 or 3 picture channels (paper, Table 1:
// Conv1).
//   y[o](i, j) = bias[o] + Σ_cuv weight[o][c][u][v] · x[c](stride·i + u − 1, stride·j + v − 1)
#pragma once

#include "ops/common.h"

namespace riffle {

struct StemConvShape {
  int in_channels = 3;
  int out_channels = 24;
  Plane in;
  int stride = 2;
  constexpr Plane out() const { return OutPlane(in, stride); }
};

template <class T, class Map = T>
struct StemConvForward {
  Rows<Map> y;
  Rows<const T> x;
  const T* weight = nullptr;  ///< [out_channels][in_channels][3][3]
  const T* bias = nullptr;    ///< [out_channels], or null
  bool relu = false;
  Moments<T>* moments = nullptr;  ///< [out_channels], or null
};

/// Pictures need no gradient, so there is no dx.
template <class T, class Map = T>
struct StemConvBackward {
  T* dweight = nullptr;  ///< [out_channels][in_channels][3][3], overwritten
  GradientSource<T, Map> dy;
  Rows<const T> x;
};

}  // namespace riffle
