// What kernels of 3×3 windows share: where pixels are, and which pixels a window has. Sizes of pictures are ints here;
// only pixels of whole rows are counted in 64 bits.
#pragma once

#include "backend/cuda/kernel.h"
#include "ops/max_pool/max_pool.h"

namespace riffle::RIFFLE_GPU {

/// Where pixel p of a row is.
struct Place {
  int64_t image;
  int row, column;

  RIFFLE_KERNEL Place(const Plane& plane, int64_t p) {
    const int64_t line = p / plane.width;
    column = static_cast<int>(p - line * plane.width);
    image = line / plane.height;
    row = static_cast<int>(line - image * plane.height);
  }
};

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
  /// The windows that have this row, or column.
  RIFFLE_KERNEL Span WindowsOfRow(int h) const { return Around(h, top, static_cast<int>(out.height)); }
  RIFFLE_KERNEL Span WindowsOfColumn(int w) const { return Around(w, left, static_cast<int>(out.width)); }

 private:
  RIFFLE_KERNEL Span Inside(int i, int before, int size) const {
    const int begin = stride * i - before;
    return {begin > 0 ? begin : 0, begin + 3 < size ? begin + 3 : size};
  }
  RIFFLE_KERNEL Span Around(int at, int before, int windows) const {
    const int first = (at + before - 2 + stride - 1) / stride, end = (at + before) / stride + 1;
    return {first > 0 ? first : 0, end < windows ? end : windows};
  }
};

inline Windows PoolWindows(const PoolShape& shape) {
  return {shape.in, shape.out(), 2, static_cast<int>(shape.before(shape.in.height)),
          static_cast<int>(shape.before(shape.in.width))};
}

}  // namespace riffle::RIFFLE_GPU
