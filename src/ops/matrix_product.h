// Products of matrices whose elements are computed where they are read, for kernels: those that are small beside maps.
//   out(g, r, c, Σ_d left(g, r, d)·right(g, d, c))
#pragma once

#include "ops/row_values.h"

namespace riffle::RIFFLE_GPU {

struct MatrixProductShape {
  int groups = 1;
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t depth = 1;
};

/// Which index of a matrix's elements are neighbours in memory.
enum class Neighbours { kAlongDepth, kAcrossDepth };

/// Tiles of 64 by 64 in shared memory, four by four a thread. Sums are added up in the order of d.
template <Neighbours kOfLeft, Neighbours kOfRight, class Left, class Right, class Out>
struct MatrixProductKernel {
  static constexpr int kThreads = 256, kTile = 64, kSide = 16, kOfThread = kTile / kSide;
  static constexpr int kDepth = 32;         // at a time
  static constexpr int kPitch = kTile + 4;  // of rows or columns
  struct Shared {
    alignas(16) float left[kDepth][kPitch], right[kDepth][kPitch];
  };
  MatrixProductShape shape;
  Left left;
  Right right;
  Out out;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto column_tiles = static_cast<unsigned>(DivideUp(shape.columns, kTile));
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, kTile));
    const Place place = {static_cast<int>(blockIdx.x / column_tiles / row_tiles),
                         int64_t{blockIdx.x / column_tiles % row_tiles} * kTile,
                         int64_t{blockIdx.x % column_tiles} * kTile};
    const int y = BlockThread() / kSide * kOfThread, x = BlockThread() % kSide * kOfThread;
    Values<kOfThread> sum[kOfThread] = {};
    Next next;
    Fetch(next, place, 0);
    for (int64_t d0 = 0; d0 < shape.depth; d0 += kDepth) {
      Put(next, shared);
      __syncthreads();
      if (d0 + kDepth < shape.depth) Fetch(next, place, d0 + kDepth);
      for (int d = 0; d < kDepth; ++d) {
        const auto l = LoadPacked<kOfThread>(&shared.left[d][y]), r = LoadPacked<kOfThread>(&shared.right[d][x]);
        for (int i = 0; i < kOfThread; ++i)
          for (int j = 0; j < kOfThread; ++j) sum[i].v[j] += l.v[i] * r.v[j];
      }
      __syncthreads();
    }
    for (int i = 0; i < kOfThread; ++i)
      for (int j = 0; j < kOfThread; ++j) {
        const int64_t row = place.row + y + i, column = place.column + x + j;
        if (row < shape.rows && column < shape.columns) out(place.group, row, column, sum[i].v[j]);
      }
  }

 private:
  // Where a block's tile begins.
  struct Place {
    int group;
    int64_t row, column;
  };
  // What a thread carries from memory to shared memory, and what place in the tile its i-th value has.
  static constexpr int kLoads = kTile * kDepth / kThreads;
  struct Next {
    float left[kLoads], right[kLoads];
  };
  struct Spot {
    int side, d;
  };
  template <Neighbours kOf>
  RIFFLE_KERNEL static Spot SpotOf(int i) {
    const int index = i * kThreads + BlockThread();
    if constexpr (kOf == Neighbours::kAlongDepth)
      return {index / kDepth, index % kDepth};
    else
      return {index % kTile, index / kTile};
  }

  RIFFLE_KERNEL void Fetch(Next& next, const Place& place, int64_t d0) const {
    RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
      const Spot l = SpotOf<kOfLeft>(i), r = SpotOf<kOfRight>(i);
      const int64_t row = place.row + l.side, column = place.column + r.side;
      next.left[i] = row < shape.rows && d0 + l.d < shape.depth ? left(place.group, row, d0 + l.d) : 0;
      next.right[i] = column < shape.columns && d0 + r.d < shape.depth ? right(place.group, d0 + r.d, column) : 0;
    }
  }
  RIFFLE_KERNEL void Put(const Next& next, Shared& shared) const {
    RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
      const Spot l = SpotOf<kOfLeft>(i), r = SpotOf<kOfRight>(i);
      shared.left[l.d][l.side] = next.left[i];
      shared.right[r.d][r.side] = next.right[i];
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
