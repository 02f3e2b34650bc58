// The reference of flip.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/flip/flip.h"

namespace riffle {

template <class T>
void ReferenceFlip(const Execution&, const FlipShape& shape, const Flip<T>& a) {
  const int64_t width = shape.plane.width;
  for (int c = 0; c < shape.channels; ++c)
    for (int64_t line = 0; line < shape.plane.images * shape.plane.height; ++line)
      for (int64_t j = 0; j < width; ++j) a.y[c][line * width + j] = a.x[c][line * width + width - 1 - j];
}

template <class T>
void ReferenceFlipMean(const Execution&, const LogitsShape& shape, const FlipMean<T>& a) {
  for (int64_t i = 0; i < shape.values(); ++i) a.logits[i] = (a.logits[i] + a.flipped[i]) / T(2);
}

}  // namespace riffle
