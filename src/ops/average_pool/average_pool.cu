// Forward: a window a value (gpu_windows.h). Backward: blocks take bands of windows (gpu_bands.h) and the cells of 2 ×
// 2 pixels about them.
#include "ops/gpu.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

/// What the sum of a window is multiplied with.
struct Factors {
  Windows windows;
  AverageDivisor divisor;

  RIFFLE_KERNEL float Of(int i, int j) const {
    if (divisor == AverageDivisor::kNine) return 1.0f / 9;
    const Span rows = windows.Rows(i), columns = windows.Columns(j);
    return 1 / static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
  }
};

template <class Map>
struct Average {
  using MapValue = Map;
  static constexpr float kOutside = 0;
  Factors factors;
  riffle::AveragePoolForward<float, Map> a;

  struct Row {
    Factors factors;
    const Map* x;
    Map* y;

    RIFFLE_KERNEL Row(const Average& op, int64_t c) : factors(op.factors), x(op.a.x[c]), y(op.a.y[c]) {}
    RIFFLE_KERNEL float Load(float value) const { return value; }
    RIFFLE_KERNEL float Result(const float (&window)[3][3], int i, int j) const {
      float sum = 0;
      for (const auto& line : window)
        for (const float value : line) sum += value;
      return sum * factors.Of(i, j);
    }
  };
};

template <class Map>
struct Backward {
  static constexpr int kThreads = 256, kLines = 4, kBlocksAtOnce = 5;
  static constexpr Reach kCell = {2, 0, 2};
  struct Shared {
    alignas(16) float dy[MostOfArea(kThreads, kLines, {1, 1, 2})];
    alignas(16) Map dx[MostOfArea(kThreads, kLines, kCell)];
  };
  Bands bands;
  Factors factors;
  riffle::AveragePoolBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t c = blockIdx.y;
    const Windows& windows = factors.windows;
    const Band band(bands, static_cast<int>(blockIdx.x));
    const Area from(bands, band, windows.out, windows.AboutCellRow(), windows.AboutCellColumn());
    const Area cells(bands, band, windows.in, kCell, kCell);
    LoadArea<kThreads>(from, InputRows<Map>{a.dy}, c, windows.out.pixels(), shared.dy);
    __syncthreads();
    Spread(StripColumn(bands, band), from, cells, shared);
    __syncthreads();
    StoreArea<kThreads>(cells, shared.dx, a.dx[c]);
  }

 private:
  RIFFLE_KERNEL void Spread(const StripColumn& strip, const Area& from, const Area& cells, Shared& shared) const {
    const Windows& windows = factors.windows;
    const auto height = static_cast<int>(windows.in.height), width = static_cast<int>(windows.in.width);
    const int out_picture = from.LineOf(strip.image, windows.out), picture = cells.LineOf(strip.image, windows.in);
    const int first = strip.column - windows.AboutCellColumn().before, above = windows.AboutCellRow().before;
    // What line i of windows gives to the two columns of the cell.
    const auto read = [&](int i) {
      if (i < 0 || i >= windows.out.height) return Pair{0, 0};
      const float* at = shared.dy + from.LineAt(out_picture + i);
      const auto of_window = [&](int j) { return j < 0 || j >= windows.out.width ? 0 : at[j] * factors.Of(i, j); };
      return OfCell(windows.left, of_window(first), of_window(first + 1));
    };
    Pair upper = read(strip.line - above);
    for (int i = strip.line; i < strip.end; ++i) {
      const Pair lower = read(i - above + 1);
      const Pair left = OfCell(windows.top, upper.first, lower.first);
      const Pair right = OfCell(windows.top, upper.second, lower.second);
      const int h = 2 * i, w = 2 * strip.column;
      Map* line = shared.dx + cells.LineAt(picture + h);
      line[w] = Map(left.first);
      if (w + 1 < width) line[w + 1] = Map(right.first);
      if (h + 1 < height) {
        line = shared.dx + cells.LineAt(picture + h + 1);
        line[w] = Map(left.second);
        if (w + 1 < width) line[w + 1] = Map(right.second);
      }
      upper = lower;
    }
  }

  struct Pair {
    float first, second;
  };
  /// What the two windows about a cell give to its two lines, or columns: one of these lies in both windows. `before`:
  /// the padding, 0 or 1.
  RIFFLE_KERNEL static Pair OfCell(int before, float one, float next) {
    return before == 0 ? Pair{one + next, next} : Pair{one, one + next};
  }
};

template <class Map>
void Run(const Execution& execution, const AveragePoolShape& shape, const riffle::AveragePoolForward<float, Map>& a) {
  const Windows windows = PoolWindows(shape);
  Slide<2>(execution, windows, shape.channels, Average<Map>{{windows, shape.divisor}, a}, nullptr);
}

template <class Map>
void Run(const Execution& execution, const AveragePoolShape& shape, const riffle::AveragePoolBackward<float, Map>& a) {
  using Kernel = Backward<Map>;
  const Bands bands = CutIntoBands(shape.out(), Kernel::kThreads, Kernel::kLines);
  Launch(execution, {bands.count, shape.channels}, Kernel{bands, {PoolWindows(shape), shape.divisor}, a});
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
