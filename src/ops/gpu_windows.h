// What kernels of 3×3 windows share: which pixels a window has, and the kernel that makes a value of each. Sizes of
// pictures are ints here; only pixels of whole rows are counted in 64 bits.
#pragma once

#include "ops/gpu_bands.h"
#include "ops/max_pool/max_pool.h"

namespace riffle::RIFFLE_GPU {

/// [begin, end)
struct Span {
  int begin, end;
};

/// The windows of a 3×3 op: window i begins at stride·i − before.
struct Windows {
  Plane in, out;
  int stride, top, left;  ///< top, left: the padding before a picture

  RIFFLE_KERNEL Span Rows(int i) const { return Inside(i, top, static_cast<int>(in.height)); }
  RIFFLE_KERNEL Span Columns(int j) const { return Inside(j, left, static_cast<int>(in.width)); }
  /// With stride 2: the two windows that may have pixels of a cell, which are lines, or columns, 2i and 2i + 1.
  RIFFLE_KERNEL Reach AboutCellRow() const { return {1, 1 - top, 2}; }
  RIFFLE_KERNEL Reach AboutCellColumn() const { return {1, 1 - left, 2}; }

 private:
  RIFFLE_KERNEL Span Inside(int i, int before, int size) const {
    const int begin = stride * i - before;
    return {begin > 0 ? begin : 0, begin + 3 < size ? begin + 3 : size};
  }
};

inline Windows PoolWindows(const PoolShape& shape) {
  return {shape.in, shape.out(), 2, static_cast<int>(shape.before(shape.in.height)),
          static_cast<int>(shape.before(shape.in.width))};
}

/// Goes down the windows [first, end) of a column: read(h, line) gives the three values of line h, wherever that lies;
/// put(i, window) takes window i, whose first line is kStride·i − before.
template <int kStride, class Read, class Put>
RIFFLE_KERNEL void SlideDown(int first, int end, int before, const Read& read, const Put& put) {
  constexpr int kKept = 3 - kStride;  // lines of a window that the next one below has, too
  float window[3][3];
  for (int u = 0; u < kKept; ++u) read(kStride * first - before + u, window[u]);
  for (int i = first; i < end; ++i) {
    for (int u = kKept; u < 3; ++u) read(kStride * i - before + u, window[u]);
    put(i, window);
    for (int u = 0; u < kKept; ++u)
      for (int v = 0; v < 3; ++v) window[u][v] = window[u + kStride][v];
  }
}

/// Writes a value for each window. Op is what computes it: Op::Row(op, r), of a row of y, has `x` and `y`, the rows,
/// `float Load(float)`, what a value of x stands for, and `float Result(window, i, j)` of window (i, j), in which what
/// lies outside of the picture is Op::kOutside.
template <class Op, int kStride>
struct SlideWindows {
  static constexpr int kThreads = 256, kBlocksAtOnce = 4, kLines = kStride == 1 ? 7 : 4;
  using Map = typename Op::MapValue;
  struct Shared {
    alignas(16) float x[MostOfArea(kThreads, kLines, {kStride, 1, 3})];
    alignas(16) Map y[MostOfArea(kThreads, kLines, {1, 0, 1})];
    BlockSums<float, kThreads> sums;
  };
  Windows windows;
  Bands bands;
  Op op;
  PartMoments* moments;  // [rows][bands], or null: not wanted

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const typename Op::Row row(op, blockIdx.y);
    const Band band(bands, static_cast<int>(blockIdx.x));
    const Area from(bands, band, windows.in, {kStride, windows.top, 3}, {kStride, windows.left, 3});
    const Area to(bands, band, windows.out, {1, 0, 1}, {1, 0, 1});
    LoadArea<kThreads>(from, InputRows<Map>{{row.x, 0}}, 0, windows.in.pixels(), shared.x,
                       [&](float value) { return row.Load(value); });
    __syncthreads();
    Slide(row, StripColumn(bands, band), from, to, shared);
    __syncthreads();
    StoreArea<kThreads>(to, shared.y, row.y);
    if (!moments) return;
    const PartMoments of_band = MomentsOfArea<kThreads>(to, shared.y, shared.sums);
    if (BlockThread() == 0) moments[blockIdx.y * bands.count + blockIdx.x] = of_band;
  }

 private:
  RIFFLE_KERNEL void Slide(const typename Op::Row& row, const StripColumn& strip, const Area& from, const Area& to,
                           Shared& shared) const {
    const auto height = static_cast<int>(windows.in.height), width = static_cast<int>(windows.in.width);
    const int picture = from.LineOf(strip.image, windows.in), out_picture = to.LineOf(strip.image, windows.out);
    const int column = kStride * strip.column - windows.left;
    const bool has_left = column >= 0, has_right = column + 2 < width;  // the middle is always inside
    const auto read = [&](int h, float(&line)[3]) {
      const bool inside = 0 <= h && h < height;
      const float* at = shared.x + (inside ? from.LineAt(picture + h) + column : 0);
      line[0] = inside && has_left ? at[0] : Op::kOutside;
      line[1] = inside ? at[1] : Op::kOutside;
      line[2] = inside && has_right ? at[2] : Op::kOutside;
    };
    SlideDown<kStride>(strip.line, strip.end, windows.top, read, [&](int i, const float(&window)[3][3]) {
      shared.y[to.LineAt(out_picture + i) + strip.column] = Map(row.Result(window, i, strip.column));
    });
  }
};

/// Launches it for so many rows of y, and gathers their moments where they are wanted.
template <int kStride, class Op>
void Slide(const Execution& execution, const Windows& windows, int64_t rows, const Op& op, Moments<float>* moments) {
  using Kernel = SlideWindows<Op, kStride>;
  const Bands bands = CutIntoBands(windows.out, Kernel::kThreads, Kernel::kLines);
  PartMoments* const of_bands = moments ? Scratch<PartMoments>(execution, rows * bands.count) : nullptr;
  Launch(execution, {bands.count, rows}, Kernel{windows, bands, op, of_bands});
  if (moments) CombineMoments(execution, rows, bands.count, of_bands, moments);
}

}  // namespace riffle::RIFFLE_GPU
