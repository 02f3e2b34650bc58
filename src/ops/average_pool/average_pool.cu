// A thread a value, a row of blocks a channel.
#include "ops/gpu.h"
#include "ops/gpu_values.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

/// What the sum of window (i, j) is divided by.
RIFFLE_KERNEL float Divisor(const Windows& windows, AverageDivisor divisor, int i, int j) {
  if (divisor == AverageDivisor::kNine) return 9;
  const Span rows = windows.Rows(i), columns = windows.Columns(j);
  return static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
}

template <class Map>
struct Forward {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  AverageDivisor divisor;
  riffle::AveragePoolForward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p >= windows.out.pixels()) return;
    const Place at(windows.out, p);
    const Span rows = windows.Rows(at.row), columns = windows.Columns(at.column);
    const Map* x = a.x[c] + at.image * windows.in.area();
    float sum = 0;
    for (int h = rows.begin; h < rows.end; ++h)
      for (int w = columns.begin; w < columns.end; ++w) sum += float(x[h * windows.in.width + w]);
    a.y[c][p] = Map(sum / Divisor(windows, divisor, at.row, at.column));
  }
};

template <class Map>
struct Backward {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  AverageDivisor divisor;
  riffle::AveragePoolBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, q = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (q >= windows.in.pixels()) return;
    const Place at(windows.in, q);
    const Span rows = windows.WindowsOfRow(at.row), columns = windows.WindowsOfColumn(at.column);
    const Map* dy = a.dy[c] + at.image * windows.out.area();
    float sum = 0;
    for (int i = rows.begin; i < rows.end; ++i)
      for (int j = columns.begin; j < columns.end; ++j)
        sum += float(dy[i * windows.out.width + j]) / Divisor(windows, divisor, i, j);
    a.dx[c][q] = Map(sum);
  }
};

template <class Map>
void Run(const Execution& execution, const AveragePoolShape& shape, const riffle::AveragePoolForward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.out().pixels(), Forward<Map>::kThreads), shape.channels},
         Forward<Map>{PoolWindows(shape), shape.divisor, a});
}

template <class Map>
void Run(const Execution& execution, const AveragePoolShape& shape, const riffle::AveragePoolBackward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.in.pixels(), Backward<Map>::kThreads), shape.channels},
         Backward<Map>{PoolWindows(shape), shape.divisor, a});
}

}  // namespace

void AveragePoolForward(const Execution& execution, const AveragePoolShape& shape,
                        const riffle::AveragePoolForward<float>& a) {
  Run(execution, shape, a);
}
void AveragePoolForward(const Execution& execution, const AveragePoolShape& shape,
                        const riffle::AveragePoolForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void AveragePoolBackward(const Execution& execution, const AveragePoolShape& shape,
                         const riffle::AveragePoolBackward<float>& a) {
  Run(execution, shape, a);
}
void AveragePoolBackward(const Execution& execution, const AveragePoolShape& shape,
                         const riffle::AveragePoolBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
