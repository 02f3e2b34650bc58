// Mean over each picture's pixels: from a channel-major map to one feature vector a picture.
//   features[n][c] = mean of x[c] over picture n
#pragma once

#include "ops/common.h"

namespace riffle {

struct GlobalAveragePoolShape {
  int channels = 0;
  Plane in;
};

template <class T>
struct GlobalAveragePoolForward {
  T* features = nullptr;  ///< [images][channels]
  Rows<const T> x;
};

template <class T>
struct GlobalAveragePoolBackward {
  Rows<T> dx;                    ///< overwritten; zero where x ≤ 0: x is stored after its ReLU
  const T* dfeatures = nullptr;  ///< [images][channels]
  Rows<const T> x;
};

}  // namespace riffle
