// 3×3 max-pool with stride 2 behind the first convolution (paper, Table 1). Padding never wins.
//   y[c](i, j) = max of in(x[c]) over rows 2i − before_h … 2i − before_h + 2 and columns likewise, inside the picture
#pragma once

#include "ops/common.h"

namespace riffle {

/// Both pools: 3×3, stride 2.
struct PoolShape {
  int channels = 0;
  Plane in;
  PoolPadding padding = PoolPadding::kSame;
  constexpr Plane out() const { return OutPlane(in, 2); }
  /// Padding above (of height) or left (of width); what is below and right follows from the sizes. "Same" pads
  /// max(0, 2·(out − 1) + 3 − in) in all, the smaller half first: 0 at even sizes, 1 at odd ones.
  constexpr int64_t before(int64_t size) const { return padding == PoolPadding::kSymmetric ? 1 : size % 2; }
};

template <class T, class Map = T>
struct MaxPoolForward {
  Rows<Map> y;
  Rows<const Map> x;
  Activation<T> in;
};

/// The gradient goes to the first of equal maxima in reading order.
template <class T, class Map = T>
struct MaxPoolBackward {
  GradientSink<T, Map> dx;  ///< masked where in.relu is off; `add` is not supported
  Rows<const Map> dy;
  Rows<const Map> x;
  Activation<T> in;
};

}  // namespace riffle
