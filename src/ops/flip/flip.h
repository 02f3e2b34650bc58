// Test-time flip: pictures with left and right exchanged, and the means of what a network makes of both.
//   flip       y[c][n, i, j] = x[c][n, i, width − 1 − j]
//   flip_mean  logits[n][k] = (logits[n][k] + flipped[n][k]) / 2
#pragma once

#include "ops/common.h"

namespace riffle {

struct FlipShape {
  int channels = 0;
  Plane plane;
};

template <class T>
struct Flip {
  Rows<T> y;  ///< other memory than x
  Rows<const T> x;
};

template <class T>
struct FlipMean {
  T* logits = nullptr;         ///< [images][classes], in place
  const T* flipped = nullptr;  ///< [images][classes]: of the flipped pictures
};

}  // namespace riffle
