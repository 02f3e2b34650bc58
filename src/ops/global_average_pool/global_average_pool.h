// Mean over each picture's pixels: from a channel-major map to one feature vector a picture.
//   features[n][c] = mean of x[c] over picture n
#pragma once

#include "ops/common.h"

namespace riffle {

struct GlobalAveragePoolShape {
  int channels = 0;
  Plane in;
};

template <class T, class Map = T>
struct GlobalAveragePoolForward {
  T* features = nullptr;  ///< [images][channels]
  Rows<const Map> x;
};

template <class T, class Map = T>
struct GlobalAveragePoolBackward {
  Rows<Map> dx;                  ///< overwritten; zero where x ≤ 0: x is stored after its ReLU
  const T* dfeatures = nullptr;  ///< [images][channels]
  Rows<const Map> x;
};

}  // namespace riffle
