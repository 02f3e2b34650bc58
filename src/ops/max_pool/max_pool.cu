// A thread a value, a row of blocks a channel.
#include "ops/gpu.h"
#include "ops/gpu_values.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct Winner {
  int row, column;
  float value;
};

/// The first of the largest values in window (i, j) of the picture at x.
template <class Map>
RIFFLE_KERNEL Winner WinnerOf(const Windows& windows, const Activation<float>& in, int64_t c, const Map* x, int i,
                              int j) {
  const Span rows = windows.Rows(i), columns = windows.Columns(j);
  Winner winner{-1, -1, 0};
  for (int h = rows.begin; h < rows.end; ++h)
    for (int w = columns.begin; w < columns.end; ++w) {
      const float value = Activate(in, c, float(x[h * windows.in.width + w]));
      if (winner.row < 0 || value > winner.value) winner = {h, w, value};
    }
  return winner;
}

template <class Map>
struct Forward {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  riffle::MaxPoolForward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p >= windows.out.pixels()) return;
    const Place at(windows.out, p);
    const Map* x = a.x[c] + at.image * windows.in.area();
    a.y[c][p] = Map(WinnerOf(windows, a.in, c, x, at.row, at.column).value);
  }
};

template <class Map>
struct Backward {
  static constexpr int kThreads = 256;
  struct Shared {};
  Windows windows;
  riffle::MaxPoolBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, q = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (q >= windows.in.pixels()) return;
    const Place at(windows.in, q);
    const Span rows = windows.WindowsOfRow(at.row), columns = windows.WindowsOfColumn(at.column);
    const Map* x = a.x[c] + at.image * windows.in.area();
    const Map* dy = a.dy[c] + at.image * windows.out.area();
    float sum = 0;
    for (int i = rows.begin; i < rows.end; ++i)
      for (int j = columns.begin; j < columns.end; ++j) {
        const Winner winner = WinnerOf(windows, a.in, c, x, i, j);
        if (winner.row == at.row && winner.column == at.column) sum += float(dy[i * windows.out.width + j]);
      }
    a.dx.dz[c][q] = Map(MaskGradient(a.in, c, float(a.x[c][q]), sum));
  }
};

template <class Map>
void Run(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolForward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.out().pixels(), Forward<Map>::kThreads), shape.channels},
         Forward<Map>{PoolWindows(shape), a});
}

template <class Map>
void Run(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolBackward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.in.pixels(), Backward<Map>::kThreads), shape.channels},
         Backward<Map>{PoolWindows(shape), a});
  GatherSums(execution, shape.channels, shape.in.pixels(), a.dx);
}

}  // namespace

void MaxPoolForward(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolForward<float>& a) {
  Run(execution, shape, a);
}
void MaxPoolForward(const Execution& execution, const PoolShape& shape,
                    const riffle::MaxPoolForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void MaxPoolBackward(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolBackward<float>& a) {
  Run(execution, shape, a);
}
void MaxPoolBackward(const Execution& execution, const PoolShape& shape,
                     const riffle::MaxPoolBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
