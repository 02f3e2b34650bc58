// Products of matrices whose elements are computed where they are read, for kernels: those that are small beside maps.
//   out(g, r, c, Σ_d left(g, r, d)·right(g, d, c))
#pragma once

#include "backend/cuda/kernel.h"

namespace riffle::RIFFLE_GPU {

struct MatrixProductShape {
  int groups = 1;
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t depth = 1;
};

/// Which index of a matrix's elements are neighbours in memory.
enum class Neighbours { kAlongDepth, kAcrossDepth };

/// Tiles of 32 by 32 in shared memory, two by two a thread. Sums are added up in the order of d.
template <Neighbours kOfLeft, Neighbours kOfRight, class Left, class Right, class Out>
struct MatrixProductKernel {
  static constexpr int kThreads = 256, kTile = 32, kSide = 16;
  struct Shared {
    float left[kTile][kTile + 1], right[kTile][kTile + 1];  // [row or column][d]
  };
  MatrixProductShape shape;
  Left left;
  Right right;
  Out out;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto column_tiles = static_cast<unsigned>(DivideUp(shape.columns, kTile));
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, kTile));
    const int64_t first_column = int64_t{blockIdx.x % column_tiles} * kTile;
    const int64_t first_row = int64_t{blockIdx.x / column_tiles % row_tiles} * kTile;
    const int group = static_cast<int>(blockIdx.x / column_tiles / row_tiles);
    const int y = BlockThread() / kSide, x = BlockThread() % kSide;
    float sum[2][2] = {};
    for (int64_t d0 = 0; d0 < shape.depth; d0 += kTile) {
      for (int i = BlockThread(); i < kTile * kTile; i += kThreads) {
        const int slow = i / kTile, fast = i % kTile;
        {
          const int r = kOfLeft == Neighbours::kAlongDepth ? slow : fast, d = slow + fast - r;
          const bool inside = first_row + r < shape.rows && d0 + d < shape.depth;
          shared.left[r][d] = inside ? left(group, first_row + r, d0 + d) : 0;
        }
        const int c = kOfRight == Neighbours::kAlongDepth ? slow : fast, d = slow + fast - c;
        const bool inside = first_column + c < shape.columns && d0 + d < shape.depth;
        shared.right[c][d] = inside ? right(group, d0 + d, first_column + c) : 0;
      }
      __syncthreads();
      for (int d = 0; d < kTile; ++d) {
        const float l[2] = {shared.left[y][d], shared.left[y + kSide][d]};
        const float r[2] = {shared.right[x][d], shared.right[x + kSide][d]};
        for (int i = 0; i < 2; ++i)
          for (int j = 0; j < 2; ++j) sum[i][j] += l[i] * r[j];
      }
      __syncthreads();
    }
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const int64_t row = first_row + y + i * kSide, column = first_column + x + j * kSide;
        if (row < shape.rows && column < shape.columns) out(group, row, column, sum[i][j]);
      }
  }
};

/// left(int group, int64_t row, int64_t d) and so on are `[=] RIFFLE_LAMBDA`, as for ForEach.
template <Neighbours kOfLeft, Neighbours kOfRight, class Left, class Right, class Out>
void MatrixProduct(const Execution& execution, const MatrixProductShape& shape, const Left& left, const Right& right,
                   const Out& out) {
  using Kernel = MatrixProductKernel<kOfLeft, kOfRight, Left, Right, Out>;
  const int64_t tiles = DivideUp(shape.rows, Kernel::kTile) * DivideUp(shape.columns, Kernel::kTile);
  Launch(execution, {tiles * shape.groups}, Kernel{shape, left, right, out});
}

}  // namespace riffle::RIFFLE_GPU
