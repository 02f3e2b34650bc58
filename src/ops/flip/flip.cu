#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {

void Flip(const Execution& execution, const FlipShape& shape, const riffle::Flip<float>& a) {
  const int64_t area = shape.plane.area();
  const auto width = static_cast<int>(shape.plane.width);
  ForEachPixel(execution, shape.channels, shape.plane, [=] RIFFLE_LAMBDA(int c, int64_t n, int place) {
    const int mirrored = place + width - 1 - 2 * (place % width);
    a.y[c][n * area + place] = a.x[c][n * area + mirrored];
  });
}

void FlipMean(const Execution& execution, const LogitsShape& shape, const riffle::FlipMean<float>& a) {
  ForEach(execution, shape.values(), [=] RIFFLE_LAMBDA(int64_t i) { a.logits[i] = (a.logits[i] + a.flipped[i]) / 2; });
}

}  // namespace riffle::RIFFLE_GPU
