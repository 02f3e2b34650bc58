// Batch norm and ReLU of a stem without a pool, stored because several ops read it.
//   y[c][p] = max(0, scale[c]·x[c][p] + shift[c])
// It needs no backward: whoever writes the gradient of y last masks it and gathers the sums of the batch norm.
#pragma once

#include "ops/common.h"

namespace riffle {

struct ReluShape {
  int channels = 0;
  int64_t pixels = 0;  ///< of a row
};

template <class T, class Map = T>
struct ReluForward {
  Rows<Map> y;
  Rows<const Map> x;
  const T* scale = nullptr;
  const T* shift = nullptr;
};

}  // namespace riffle
