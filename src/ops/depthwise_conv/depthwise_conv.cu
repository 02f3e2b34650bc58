// A thread a value, a row of blocks a channel; dweight a block a channel.
#include "ops/gpu.h"
#include "ops/gpu_values.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

RIFFLE_KERNEL int64_t InRow(const DepthwiseRows& rows, int64_t r) { return rows.in_row ? rows.in_row[r] : r; }
RIFFLE_KERNEL int64_t WeightRow(const DepthwiseRows& rows, int64_t r) {
  return rows.weight_row ? rows.weight_row[r] : r;
}

template <class Map>
struct Forward {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  riffle::DepthwiseConvForward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t r = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p >= windows.out.pixels()) return;
    const int64_t s = InRow(a.rows, r);
    const float* weight = a.weight + 9 * WeightRow(a.rows, r);
    const Place at(windows.out, p);
    const Span rows = windows.Rows(at.row), columns = windows.Columns(at.column);
    const int top = windows.stride * at.row - 1, left = windows.stride * at.column - 1;
    const Map* x = a.x[s] + at.image * windows.in.area();
    float sum = a.bias ? a.bias[r] : 0;
    for (int h = rows.begin; h < rows.end; ++h)
      for (int w = columns.begin; w < columns.end; ++w)
        sum += weight[3 * (h - top) + w - left] * Activate(a.in, s, float(x[h * windows.in.width + w]));
    a.y[r][p] = Map(sum);
  }
};

template <class Map>
struct InputGradient {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  riffle::DepthwiseConvBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t r = blockIdx.y, q = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (q >= windows.in.pixels()) return;
    const int64_t s = InRow(a.rows, r);
    const float* weight = a.weight + 9 * WeightRow(a.rows, r);
    const Place at(windows.in, q);
    const Span rows = windows.WindowsOfRow(at.row), columns = windows.WindowsOfColumn(at.column);
    const int64_t picture = at.image * windows.out.area();
    float sum = 0;
    for (int i = rows.begin; i < rows.end; ++i)
      for (int j = columns.begin; j < columns.end; ++j) {
        const int tap = 3 * (at.row - windows.stride * i + 1) + at.column - windows.stride * j + 1;
        sum += weight[tap] * RawGradient(a.dy, r, picture + i * windows.out.width + j);
      }
    a.dx.dz[s][q] = Map(MaskGradient(a.in, s, float(a.x[s][q]), sum));
  }
};

template <class Map>
struct WeightGradient {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<float, kThreads>;
  Windows windows;
  riffle::DepthwiseConvBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t r = blockIdx.x, s = InRow(a.rows, r);
    float sums[9] = {};
    for (int64_t p = BlockThread(); p < windows.out.pixels(); p += kThreads) {
      const Place at(windows.out, p);
      const float dy = RawGradient(a.dy, r, p);
      const Map* x = a.x[s] + at.image * windows.in.area();
      for (int u = 0; u < 3; ++u)
        for (int v = 0; v < 3; ++v) {
          const int h = windows.stride * at.row + u - 1, w = windows.stride * at.column + v - 1;
          const bool inside = 0 <= h && h < windows.in.height && 0 <= w && w < windows.in.width;
          if (inside) sums[3 * u + v] += dy * Activate(a.in, s, float(x[h * windows.in.width + w]));
        }
    }
    float* dweight = a.dweight + 9 * WeightRow(a.rows, r);
    for (int tap = 0; tap < 9; ++tap) {
      const float sum = BlockSum(sums[tap], shared);
      if (BlockThread() == 0) dweight[tap] = sum;
    }
  }
};

template <class Map>
void Run(const Execution& execution, const DepthwiseConvShape& shape,
         const riffle::DepthwiseConvForward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.out().pixels(), Forward<Map>::kThreads), shape.channels},
         Forward<Map>{{shape.in, shape.out(), shape.stride, 1, 1}, a});
  GatherMoments<Map>(execution, shape.channels, shape.out().pixels(), a.y, a.moments);
}

template <class Map>
void Run(const Execution& execution, const DepthwiseConvShape& shape,
         const riffle::DepthwiseConvBackward<float, Map>& a) {
  const Windows windows = {shape.in, shape.out(), shape.stride, 1, 1};
  Launch(execution, {DivideUp(shape.in.pixels(), InputGradient<Map>::kThreads), shape.channels},
         InputGradient<Map>{windows, a});
  Launch(execution, {shape.channels}, WeightGradient<Map>{windows, a});
  GatherSums(execution, shape.channels, shape.in.pixels(), a.dx);
}

}  // namespace

void DepthwiseConvForward(const Execution& execution, const DepthwiseConvShape& shape,
                          const riffle::DepthwiseConvForward<float>& a) {
  Run(execution, shape, a);
}
void DepthwiseConvForward(const Execution& execution, const DepthwiseConvShape& shape,
                          const riffle::DepthwiseConvForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void DepthwiseConvBackward(const Execution& execution, const DepthwiseConvShape& shape,
                           const riffle::DepthwiseConvBackward<float>& a) {
  Run(execution, shape, a);
}
void DepthwiseConvBackward(const Execution& execution, const DepthwiseConvShape& shape,
                           const riffle::DepthwiseConvBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
