// The end of a unit (paper, Figure 2): batch norm of the last convolution, the shortcut added, ReLU. Stored, because
// three ops read it.
//   y[c][p] = max(0, scale[c]·x[c][p] + shift[c] + shortcut[c][p])
// Its backward stores nothing: the gradient of the sum is the stored gradient g of y (masked by whoever wrote it), the
// same for both branches; only the row sums that batch norm needs are left to gather.
#pragma once

#include "ops/common.h"

namespace riffle {

struct ResidualShape {
  int channels = 0;
  int64_t pixels = 0;  ///< of a row
};

template <class T>
struct ResidualForward {
  Rows<T> y;
  Rows<const T> x;
  const T* scale = nullptr;
  const T* shift = nullptr;
  Rows<const T> shortcut;  ///< or null
};

template <class T>
struct ResidualBackward {
  GradientSums<T>* sums = nullptr;  ///< [channels]
  Rows<const T> dz;                 ///< gradient of the sum
  Rows<const T> raw;                ///< x of forward
  const Moments<T>* moments = nullptr;
};

}  // namespace riffle
