// 3×3 average pool with stride 2: the shortcut of a unit that halves the size (paper, Figure 2c).
#pragma once

#include "ops/max_pool/max_pool.h"

namespace riffle {

struct AveragePoolShape : PoolShape {
  AverageDivisor divisor = AverageDivisor::kTruePixels;
};

template <class T, class Map = T>
struct AveragePoolForward {
  Rows<Map> y;
  Rows<const Map> x;  ///< read as it is: stored after its ReLU
};

template <class T, class Map = T>
struct AveragePoolBackward {
  Rows<Map> dx;  ///< overwritten; not masked by a ReLU, that is left to whoever adds to it
  Rows<const Map> dy;
};

}  // namespace riffle
