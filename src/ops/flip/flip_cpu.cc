// Test-time flip (flip.h).
#include <algorithm>

#include "ops/cpu.h"

namespace riffle::cpu {

void Flip(const Execution& execution, const FlipShape& shape, const riffle::Flip<float>& args) {
  const int64_t images = shape.plane.images, height = shape.plane.height, width = shape.plane.width;
  execution.pool.ParallelFor(shape.channels * images, [&](int64_t i) {
    const int64_t at = i % images * height * width;
    const float* from = args.x[i / images] + at;
    float* to = args.y[i / images] + at;
    for (int64_t row = 0; row < height; ++row)
      std::reverse_copy(from + row * width, from + (row + 1) * width, to + row * width);
  });
}

void FlipMean(const Execution&, const LogitsShape& shape, const riffle::FlipMean<float>& args) {
  for (int64_t i = 0; i < shape.values(); ++i) args.logits[i] = (args.logits[i] + args.flipped[i]) / 2;
}

}  // namespace riffle::cpu
