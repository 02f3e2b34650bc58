// Forward: a window a value (gpu_windows.h). Backward: blocks take bands of windows (gpu_bands.h) and the cells of 2 ×
// 2 pixels about them; they find which pixel wins each window, then what each pixel won.
#include <cmath>

#include "ops/gpu.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

template <class Map>
struct Largest {
  using MapValue = Map;
  static constexpr float kOutside = -INFINITY;
  riffle::MaxPoolForward<float, Map> a;

  struct Row {
    const Map* x;
    Map* y;
    RowActivation in;

    RIFFLE_KERNEL Row(const Largest& op, int64_t c) : x(op.a.x[c]), y(op.a.y[c]), in(op.a.in, c) {}
    RIFFLE_KERNEL float Load(float value) const { return in(value); }
    RIFFLE_KERNEL float Result(const float (&window)[3][3], int, int) const {
      float largest = window[1][1];  // is inside, and may be NaN
      for (const auto& line : window)
        for (const float value : line) largest = value > largest ? value : largest;
      return largest;
    }
  };
};

constexpr int kBackwardSums = 2;  // those of dx

template <class Map>
struct Backward {
  static constexpr int kThreads = 256, kLines = 4, kBlocksAtOnce = 4;
  static constexpr Reach kCell = {2, 0, 2};
  static constexpr int kWindowValues = MostOfArea(kThreads, kLines, {1, 1, 2});
  struct Shared {
    alignas(16) float x[MostOfArea(kThreads, kLines, {2, 2, 5})];
    alignas(16) float dy[kWindowValues];
    alignas(16) Map dx[MostOfArea(kThreads, kLines, kCell)];
    int8_t winner[kWindowValues];  // 4·line + column, of the window
    ThreadSums<kBackwardSums, kThreads> sums;
  };
  Windows windows;
  Bands bands;
  riffle::MaxPoolBackward<float, Map> a;
  float* parts;  // [channels][kBackwardSums][blocks of a row]

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t c = blockIdx.y;
    const RowActivation in(a.in, c);
    float sums[kBackwardSums] = {};
    for (int b = static_cast<int>(blockIdx.x); b < bands.count; b += static_cast<int>(gridDim.x)) {
      const Band band(bands, b);
      const Area about(bands, band, windows.out, windows.AboutCellRow(), windows.AboutCellColumn());
      const Area from(bands, band, windows.in, {2, 2 - windows.top, 5}, {2, 2 - windows.left, 5});
      const Area cells(bands, band, windows.in, kCell, kCell);
      LoadArea<kThreads>(about, InputRows<Map>{a.dy}, c, windows.out.pixels(), shared.dy);
      LoadArea<kThreads>(from, InputRows<Map>{a.x}, c, windows.in.pixels(), shared.x);
      __syncthreads();
      FindWinners(in, about, from, shared);
      __syncthreads();
      Collect(c, in, StripColumn(bands, band), about, from, cells, shared, sums);
      __syncthreads();
      StoreArea<kThreads>(cells, shared.dx, a.dx.dz[c]);
    }
    SumsOfThreads(sums, shared.sums,
                  [&](int k, float sum) { parts[(c * kBackwardSums + k) * gridDim.x + blockIdx.x] = sum; });
  }

 private:
  /// The first of the largest values of each window.
  RIFFLE_KERNEL void FindWinners(const RowActivation& in, const Area& about, const Area& from, Shared& shared) const {
    const auto out_height = static_cast<int>(windows.out.height), width = static_cast<int>(windows.in.width);
    const auto first_image = static_cast<int>(about.first_line / out_height);
    const auto first_line = static_cast<int>(about.first_line % out_height);
    for (int k = BlockThread(); k < about.lines * about.columns; k += kThreads) {
      const int line = k / about.columns, j = about.column + k - line * about.columns;
      const int images = (first_line + line) / out_height, i = first_line + line - images * out_height;
      const int picture = from.LineOf(first_image + images, windows.in);
      const Span rows = windows.Rows(i);
      const int top = 2 * i - windows.top, left = 2 * j - windows.left;
      int winner = -1;
      float largest = 0;
      for (int h = rows.begin; h < rows.end; ++h) {
        const float* x = shared.x + from.LineAt(picture + h) + left;
        for (int v = 0; v < 3; ++v) {
          if (left + v < 0 || left + v >= width) continue;
          const float value = in(x[v]);
          if (winner >= 0 && !(value > largest)) continue;
          winner = 4 * (h - top) + v;
          largest = value;
        }
      }
      shared.winner[about.LineAt(line) + j] = static_cast<int8_t>(winner);
    }
  }

  /// dx of the cells, each the sum of the gradients of the windows that a pixel has won.
  RIFFLE_KERNEL void Collect(int64_t c, const RowActivation& in, const StripColumn& strip, const Area& about,
                             const Area& from, const Area& cells, Shared& shared, float (&sums)[kBackwardSums]) const {
    const auto height = static_cast<int>(windows.in.height), width = static_cast<int>(windows.in.width);
    const int out_picture = about.LineOf(strip.image, windows.out);
    const int in_picture = from.LineOf(strip.image, windows.in), picture = cells.LineOf(strip.image, windows.in);
    const int64_t picture_begin = strip.image * windows.in.area();
    const bool x_is_raw = a.dx.raw.data == a.x.data;
    const float mean = a.dx.raw ? a.dx.moments[c].mean : 0;
    const int above = 1 - windows.top, beside = 1 - windows.left;
    for (int i = strip.line; i < strip.end; ++i) {
      float won[2][2] = {};
      for (int k = 0; k < 2; ++k) {
        if (i - above + k < 0 || i - above + k >= windows.out.height) continue;
        const int line = about.LineAt(out_picture + i - above + k) + strip.column - beside;
        for (int l = 0; l < 2; ++l) {
          const int j = strip.column - beside + l;
          if (j < 0 || j >= windows.out.width) continue;
          // Where the cell's first pixel would be in this window.
          const int first = 4 * (2 * (above - k) + windows.top) + 2 * (beside - l) + windows.left;
          const int winner = shared.winner[line + l];
          const float dy = shared.dy[line + l];
          for (int y = 0; y < 2; ++y)
            for (int x = 0; x < 2; ++x) won[y][x] += winner == first + 4 * y + x ? dy : 0;
        }
      }
      for (int y = 0; y < 2; ++y) {
        const int h = 2 * i + y;
        if (h >= height) break;
        Map* const line = shared.dx + cells.LineAt(picture + h);
        const float* const values = shared.x + from.LineAt(in_picture + h);
        for (int x = 0; x < 2; ++x) {
          const int w = 2 * strip.column + x;
          if (w >= width) break;
          const auto dx = Map(in.Mask(in(values[w]), won[y][x]));
          line[w] = dx;
          if (!a.dx.raw) continue;
          const float raw = x_is_raw ? values[w] : float(a.dx.raw[c][picture_begin + h * width + w]);
          sums[0] += float(dx);
          sums[1] += float(dx) * (raw - mean);
        }
      }
    }
  }
};

struct StoreSums {
  GradientSums<float>* sums;
  RIFFLE_KERNEL void operator()(int64_t i, float sum) const {
    GradientSums<float>& of_row = sums[i / kBackwardSums];
    (i % kBackwardSums == 0 ? of_row.dz : of_row.dz_centred) = sum;
  }
};

template <class Map>
void Run(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolForward<float, Map>& a) {
  Slide<2>(execution, PoolWindows(shape), shape.channels, Largest<Map>{a}, nullptr);
}

template <class Map>
void Run(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolBackward<float, Map>& a) {
  using Kernel = Backward<Map>;
  const Bands bands = CutIntoBands(shape.out(), Kernel::kThreads, Kernel::kLines);
  const int64_t blocks = BlocksOfRow(bands, shape.channels);
  float* const parts = Scratch<float>(execution, shape.channels * kBackwardSums * blocks);
  Launch(execution, {blocks, shape.channels}, Kernel{PoolWindows(shape), bands, a, parts});
  if (!a.dx.raw) return;
  AddParts(execution, shape.channels * kBackwardSums, blocks, parts, StoreSums{a.dx.sums});
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
