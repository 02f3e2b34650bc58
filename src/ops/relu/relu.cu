// One thread a value, a row of blocks a channel.
#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct Forward {
  static constexpr int kThreads = 256;
  struct Shared {};
  int64_t pixels;
  riffle::ReluForward<float> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p < pixels) a.y[c][p] = Relu(a.scale[c] * a.x[c][p] + a.shift[c]);
  }
};

}  // namespace

void ReluForward(const Execution& execution, const ReluShape& shape, const riffle::ReluForward<float>& a) {
  Launch(execution, {DivideUp(shape.pixels, Forward::kThreads), shape.channels}, Forward{shape.pixels, a});
}

}  // namespace riffle::RIFFLE_GPU
