// A thread a value, a row of blocks a channel.
#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

template <class Map>
struct Forward {
  static constexpr int kThreads = 256;
  struct Shared {};
  int64_t pixels;
  riffle::ReluForward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p < pixels) a.y[c][p] = Map(Relu(a.scale[c] * float(a.x[c][p]) + a.shift[c]));
  }
};

template <class Map>
void Run(const Execution& execution, const ReluShape& shape, const riffle::ReluForward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.pixels, Forward<Map>::kThreads), shape.channels}, Forward<Map>{shape.pixels, a});
}

}  // namespace

void ReluForward(const Execution& execution, const ReluShape& shape, const riffle::ReluForward<float>& a) {
  Run(execution, shape, a);
}
void ReluForward(const Execution& execution, const ReluShape& shape, const riffle::ReluForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
