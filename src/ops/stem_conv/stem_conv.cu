// Forward: a thread a value, a row of blocks a channel. Backward: a block a kernel of one output and one input channel.
#include "ops/gpu.h"
#include "ops/gpu_values.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

template <class Map>
struct Forward {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  int in_channels;
  riffle::StemConvForward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t o = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p >= windows.out.pixels()) return;
    const Place at(windows.out, p);
    const Span rows = windows.Rows(at.row), columns = windows.Columns(at.column);
    const int top = windows.stride * at.row - 1, left = windows.stride * at.column - 1;
    float sum = a.bias ? a.bias[o] : 0;
    for (int c = 0; c < in_channels; ++c) {
      const float* weight = a.weight + (o * in_channels + c) * 9;
      const float* x = a.x[c] + at.image * windows.in.area();
      for (int h = rows.begin; h < rows.end; ++h)
        for (int w = columns.begin; w < columns.end; ++w)
          sum += weight[3 * (h - top) + w - left] * x[h * windows.in.width + w];
    }
    a.y[o][p] = Map(a.relu ? Relu(sum) : sum);
  }
};

template <class Map>
struct Backward {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<float, kThreads>;
  Windows windows;
  int in_channels;
  riffle::StemConvBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t o = blockIdx.y, c = blockIdx.x;
    float sums[9] = {};
    for (int64_t p = BlockThread(); p < windows.out.pixels(); p += kThreads) {
      const Place at(windows.out, p);
      const float dy = RawGradient(a.dy, o, p);
      const float* x = a.x[c] + at.image * windows.in.area();
      for (int u = 0; u < 3; ++u)
        for (int v = 0; v < 3; ++v) {
          const int h = windows.stride * at.row + u - 1, w = windows.stride * at.column + v - 1;
          const bool inside = 0 <= h && h < windows.in.height && 0 <= w && w < windows.in.width;
          if (inside) sums[3 * u + v] += dy * x[h * windows.in.width + w];
        }
    }
    float* dweight = a.dweight + (o * in_channels + c) * 9;
    for (int tap = 0; tap < 9; ++tap) {
      const float sum = BlockSum(sums[tap], shared);
      if (BlockThread() == 0) dweight[tap] = sum;
    }
  }
};

template <class Map>
void Run(const Execution& execution, const StemConvShape& shape, const riffle::StemConvForward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.out().pixels(), Forward<Map>::kThreads), shape.out_channels},
         Forward<Map>{{shape.in, shape.out(), shape.stride, 1, 1}, shape.in_channels, a});
  GatherMoments<Map>(execution, shape.out_channels, shape.out().pixels(), a.y, a.moments);
}

template <class Map>
void Run(const Execution& execution, const StemConvShape& shape, const riffle::StemConvBackward<float, Map>& a) {
  Launch(execution, {shape.in_channels, shape.out_channels},
         Backward<Map>{{shape.in, shape.out(), shape.stride, 1, 1}, shape.in_channels, a});
}

}  // namespace

void StemConvForward(const Execution& execution, const StemConvShape& shape, const riffle::StemConvForward<float>& a) {
  Run(execution, shape, a);
}
void StemConvForward(const Execution& execution, const StemConvShape& shape,
                     const riffle::StemConvForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void StemConvBackward(const Execution& execution, const StemConvShape& shape,
                      const riffle::StemConvBackward<float>& a) {
  Run(execution, shape, a);
}
void StemConvBackward(const Execution& execution, const StemConvShape& shape,
                      const riffle::StemConvBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
