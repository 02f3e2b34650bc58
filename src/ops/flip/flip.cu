// A thread a value.
#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {

void Flip(const Execution& execution, const FlipShape& shape, const riffle::Flip<float>& a) {
  const auto width = static_cast<int>(shape.plane.width);
  const int64_t pixels = shape.plane.pixels();
  ForEach(execution, shape.channels * pixels, [=] RIFFLE_LAMBDA(int64_t i) {
    const int64_t c = i / pixels, p = i % pixels;
    const auto j = static_cast<int>(p % width);
    a.y[c][p] = a.x[c][p + width - 1 - 2 * j];
  });
}

void FlipMean(const Execution& execution, const LogitsShape& shape, const riffle::FlipMean<float>& a) {
  ForEach(execution, shape.values(), [=] RIFFLE_LAMBDA(int64_t i) { a.logits[i] = (a.logits[i] + a.flipped[i]) / 2; });
}

}  // namespace riffle::RIFFLE_GPU
