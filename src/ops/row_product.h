// Products of the rows of maps, for kernels: with a matrix of weights (RowProduct), and with one another, summed over
// pixels (RowDots). What the rows hold is computed where they are read; what becomes of results, where they are
// written. Both work on tiles in shared memory, in float.
#pragma once

#include <cstdint>

#include "ops/gpu_fours.h"

namespace riffle::RIFFLE_GPU {

/// Rows less their means.
template <class Map>
struct CentredRows {
  Rows<const Map> x;
  const Moments<float>* moments;  // null: means are zero
  RIFFLE_KERNEL Four Load(int64_t row, int64_t p, int64_t pixels) const {
    Four four = LoadFour(x[row], p, pixels);
    if (!moments) return four;
    for (int i = 0; i < 4; ++i) four.v[i] = p + i < pixels ? four.v[i] - moments[row].mean : 0;
    return four;
  }
};

/// What a tile's pixels of a row come to, of two kinds.
struct Partial {
  float first, second;
};

inline constexpr int kTilePixels = 128;  ///< of a tile of RowProduct

/// The shape of a RowProduct: out[g·rows + r][p] = Σ_d weight[g·depth + d][r]·in(g·depth + d, p).
struct RowProductShape {
  int groups = 1;
  int rows = 1;
  int depth = 1;
  int64_t pixels = 0;

  constexpr int64_t tiles() const { return DivideUp(pixels, kTilePixels); }
};

/// In: `Four Load(row, p, pixels)`, zero outside of the row. Out: `Partial Store(row, p, pixels, Four)` writes what a
/// lane has, and `Partial Combine(const Partial* of_lanes, pixels)` what the lanes of a tile of so many pixels
/// gathered.
template <class In, class Out, int kRowsOfWarp>
struct RowProduct {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp, kRows = kWarps * kRowsOfWarp;
  static constexpr int kDepth = 16;                         // rows of `in` at a time
  static constexpr int kPitch = (kRowsOfWarp + 3) / 4 * 4;  // so that a warp's weights are read four at a time
  struct Operands {
    alignas(16) float weight[2][kDepth][kWarps][kPitch];
    alignas(16) float in[2][kDepth][kTilePixels];
  };
  struct Gathered {
    Partial of_lanes[kRows][kWarp + 1];
  };
  union Shared {
    Operands operands;
    Gathered gathered;
  };

  RowProductShape shape;
  const float* weight;
  In in;
  Out out;
  Partial* partials;  // [groups·rows][partial_tiles], or null: not wanted
  int64_t partial_tiles;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    // Tiles of the same pixels run at the same time, so that all but the first find them in the cache.
    const int row_tiles = static_cast<int>(DivideUp(shape.rows, kRows));
    const int row_tile = static_cast<int>(blockIdx.x % static_cast<unsigned>(row_tiles));
    const int group =
        static_cast<int>(blockIdx.x / static_cast<unsigned>(row_tiles) % static_cast<unsigned>(shape.groups));
    const int64_t tile = blockIdx.x / static_cast<unsigned>(row_tiles * shape.groups);
    const int64_t p = tile * kTilePixels + Lane() * 4;
    const int first_row = row_tile * kRows;
    const int warp = Warp();

    float sum[kRowsOfWarp][4] = {};
    Next next;
    Fetch(next, group, first_row, tile, 0);
    for (int d0 = 0, buffer = 0; d0 < shape.depth; d0 += kDepth, buffer ^= 1) {
      Put(next, shared.operands, buffer);
      __syncthreads();
      if (d0 + kDepth < shape.depth) Fetch(next, group, first_row, tile, d0 + kDepth);
      for (int d = 0; d < kDepth; ++d) {
        const float* x = &shared.operands.in[buffer][d][Lane() * 4];
        const float* w = shared.operands.weight[buffer][d][warp];
        const PackedFour<float> x4 = *reinterpret_cast<const PackedFour<float>*>(x);
        PackedFour<float> w4[kPitch / 4];
        for (int r = 0; r < kPitch / 4; ++r) w4[r] = reinterpret_cast<const PackedFour<float>*>(w)[r];
        for (int r = 0; r < kRowsOfWarp; ++r)
          for (int i = 0; i < 4; ++i) sum[r][i] += w4[r / 4].v[r % 4] * x4.v[i];
      }
    }
    if (partials) __syncthreads();
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = first_row + warp * kRowsOfWarp + r;
      if (row >= shape.rows) break;
      const Four four = {{sum[r][0], sum[r][1], sum[r][2], sum[r][3]}};
      const Partial partial = out.Store(group * shape.rows + row, p, shape.pixels, four);
      if (partials) shared.gathered.of_lanes[warp * kRowsOfWarp + r][Lane()] = partial;
    }
    if (!partials) return;
    __syncthreads();
    const int64_t left = shape.pixels - tile * kTilePixels;
    for (int r = BlockThread(); r < kRows && first_row + r < shape.rows; r += kThreads)
      partials[(group * shape.rows + first_row + r) * partial_tiles + tile] =
          Out::Combine(shared.gathered.of_lanes[r], left < kTilePixels ? left : kTilePixels);
  }

 private:
  // What a thread carries from memory to shared memory.
  static constexpr int kFours = kDepth * kTilePixels / 4 / kThreads;
  static constexpr int kWeights = (kDepth * kRows + kThreads - 1) / kThreads;
  struct Next {
    Four in[kFours];
    float weight[kWeights];
  };

  RIFFLE_KERNEL void Fetch(Next& next, int group, int first_row, int64_t tile, int d0) const {
    for (int i = 0; i < kFours; ++i) {
      const int d = d0 + i * kWarps + Warp();
      next.in[i] = Four();
      if (d < shape.depth) next.in[i] = in.Load(group * shape.depth + d, tile * kTilePixels + Lane() * 4, shape.pixels);
    }
    for (int i = 0; i < kWeights; ++i) {
      const int index = i * kThreads + BlockThread(), d = d0 + index / kRows, row = first_row + index % kRows;
      const bool inside = d < shape.depth && row < shape.rows && index < kDepth * kRows;
      next.weight[i] = inside ? weight[(group * int64_t{shape.depth} + d) * shape.rows + row] : 0;
    }
  }
  RIFFLE_KERNEL void Put(const Next& next, Operands& operands, int buffer) const {
    for (int i = 0; i < kFours; ++i) {
      const PackedFour<float> four = {{next.in[i].v[0], next.in[i].v[1], next.in[i].v[2], next.in[i].v[3]}};
      *reinterpret_cast<PackedFour<float>*>(&operands.in[buffer][i * kWarps + Warp()][Lane() * 4]) = four;
    }
    for (int i = 0; i < kWeights; ++i) {
      const int index = i * kThreads + BlockThread(), row = index % kRows;
      if (index < kDepth * kRows)
        operands.weight[buffer][index / kRows][row / kRowsOfWarp][row % kRowsOfWarp] = next.weight[i];
    }
  }
};

/// Launches it with the tile that suits its rows.
template <class In, class Out>
void LaunchRowProduct(const Execution& execution, const RowProductShape& shape, const float* weight, const In& in,
                      const Out& out, Partial* partials, int64_t partial_tiles) {
  const auto launch = [&](auto kernel) {
    const int64_t row_tiles = DivideUp(shape.rows, decltype(kernel)::kRows);
    Launch(execution, {shape.tiles() * shape.groups * row_tiles}, kernel);
  };
  using Large = RowProduct<In, Out, 10>;
  using Small = RowProduct<In, Out, 5>;
  if (DivideUp(shape.rows, Large::kRows) * Large::kRows <= DivideUp(shape.rows, Small::kRows) * Small::kRows)
    launch(Large{shape, weight, in, out, partials, partial_tiles});
  else
    launch(Small{shape, weight, in, out, partials, partial_tiles});
}

/// The shape of RowDots: dots[g·rows + r][c] = Σ_p left(g·rows + r, p)·right(g·columns + c, p), and, where they are
/// wanted, sums[g·rows + r] = Σ_p left(g·rows + r, p). Pixels are split into parts, whose sums are added up at the end.
struct RowDotsShape {
  int groups = 1;
  int rows = 1;
  int columns = 1;
  int64_t pixels = 0;
  bool sums = false;

  constexpr int64_t dots() const { return int64_t{groups} * rows * columns; }
  constexpr int64_t values() const { return dots() + (sums ? int64_t{groups} * rows : 0); }
};

/// The sizes of RowDots' tiles, rows by columns in eights.
enum class RowDotsTile { k3x3, k5x5, k5x10 };

inline RowDotsTile TileOf(const RowDotsShape& shape) {
  const auto work = [&](int64_t rows, int64_t columns) {
    return DivideUp(shape.rows, rows) * rows * DivideUp(shape.columns, columns) * columns;
  };
  if (work(40, 80) <= work(40, 40) && work(40, 80) <= work(24, 24) * 3 / 2) return RowDotsTile::k5x10;
  return work(40, 40) <= work(24, 24) * 3 / 2 ? RowDotsTile::k5x5 : RowDotsTile::k3x3;
}

/// Pixels of a part: few, so that there are blocks enough for a large card also in a stretch of the pixels, but not so
/// few that the parts of large matrices are as much memory as the map.
inline constexpr int64_t kMostPartPixels = 2048;
constexpr int64_t PartPixels(const RowDotsShape& shape) {
  return int64_t{shape.rows} * shape.columns > 40 * (shape.rows + shape.columns) ? kMostPartPixels
                                                                                 : kMostPartPixels / 2;
}
constexpr int64_t PartsOf(const RowDotsShape& shape) { return DivideUp(shape.pixels, PartPixels(shape)); }

/// Left and Right: `Four Load(row, p, pixels)`, zero outside of the row.
template <class Left, class Right, int kRowsOfThread, int kColumnsOfThread>
struct RowDots {
  static constexpr int kThreads = 256, kSide = 8, kTeam = kSide * kSide, kTeams = kThreads / kTeam;
  static constexpr int kRows = kSide * kRowsOfThread, kColumns = kSide * kColumnsOfThread;
  static constexpr int kPixels = 64;          // at a time, of which each team of threads takes a share
  static constexpr int kPitch = kPixels + 4;  // eight rows at the same pixels lie in different banks
  static constexpr int kFours = kPixels / 4;  // of a row
  struct Operands {
    alignas(16) float left[kRows][kPitch];
    alignas(16) float right[kColumns][kPitch];
  };
  union Shared {
    Operands operands;
    float of_team[kRowsOfThread * kColumnsOfThread][kTeam];
  };

  RowDotsShape shape;
  Left left;
  Right right;
  float* parts;  // [parts][shape.values()]

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, kRows));
    const auto column_tiles = static_cast<unsigned>(DivideUp(shape.columns, kColumns));
    const int first_column = static_cast<int>(blockIdx.x % column_tiles) * kColumns;
    const int first_row = static_cast<int>(blockIdx.x / column_tiles % row_tiles) * kRows;
    const int group = static_cast<int>(blockIdx.x / column_tiles / row_tiles % static_cast<unsigned>(shape.groups));
    const int64_t part = blockIdx.x / column_tiles / row_tiles / static_cast<unsigned>(shape.groups);
    const int64_t from = part * PartPixels(shape);
    const int64_t to = from + PartPixels(shape) < shape.pixels ? from + PartPixels(shape) : shape.pixels;
    const int team = BlockThread() / kTeam, y = BlockThread() % kTeam / kSide, x = BlockThread() % kSide;

    float dot[kRowsOfThread][kColumnsOfThread] = {};
    float sum[kLeftLoads] = {};
    for (int64_t p = from; p < to; p += kPixels) {
      for (int i = 0; i < kLeftLoads; ++i)
        sum[i] += Put(left, group, first_row, shape.rows, i, p, to, shared.operands.left);
      for (int i = 0; i < kRightLoads; ++i)
        Put(right, group, first_column, shape.columns, i, p, to, shared.operands.right);
      __syncthreads();
      for (int f = team * (kFours / kTeams); f < (team + 1) * (kFours / kTeams); ++f) {
        PackedFour<float> l[kRowsOfThread];
        for (int r = 0; r < kRowsOfThread; ++r)
          l[r] = *reinterpret_cast<const PackedFour<float>*>(&shared.operands.left[r * kSide + y][f * 4]);
        for (int c = 0; c < kColumnsOfThread; ++c) {
          const auto four = *reinterpret_cast<const PackedFour<float>*>(&shared.operands.right[c * kSide + x][f * 4]);
          for (int r = 0; r < kRowsOfThread; ++r)
            for (int i = 0; i < 4; ++i) dot[r][c] += l[r].v[i] * four.v[i];
        }
      }
      __syncthreads();
    }

    // The teams' sums, one after the other.
    for (int t = 1; t < kTeams; ++t) {
      for (int r = 0; r < kRowsOfThread; ++r)
        for (int c = 0; c < kColumnsOfThread; ++c) {
          float& other = shared.of_team[r * kColumnsOfThread + c][BlockThread() % kTeam];
          if (team == t) other = dot[r][c];
        }
      __syncthreads();
      for (int r = 0; r < kRowsOfThread; ++r)
        for (int c = 0; c < kColumnsOfThread; ++c)
          if (team == 0) dot[r][c] += shared.of_team[r * kColumnsOfThread + c][BlockThread()];
      __syncthreads();
    }
    float* values = parts + part * shape.values();
    for (int r = 0; r < kRowsOfThread; ++r)
      for (int c = 0; c < kColumnsOfThread; ++c) {
        const int row = first_row + r * kSide + y, column = first_column + c * kSide + x;
        if (team == 0 && row < shape.rows && column < shape.columns)
          values[(group * int64_t{shape.rows} + row) * shape.columns + column] = dot[r][c];
      }
    if (!shape.sums || first_column > 0) return;
    for (int i = 0; i < kLeftLoads; ++i) {
      for (int distance = kFours / 2; distance > 0; distance /= 2) sum[i] += __shfl_xor_sync(~0u, sum[i], distance);
      const int r = i * kRowsOfLoad + BlockThread() / kFours;
      if (BlockThread() % kFours == 0 && r < kRows && first_row + r < shape.rows)
        values[shape.dots() + group * shape.rows + first_row + r] = sum[i];
    }
  }

 private:
  static constexpr int kRowsOfLoad = kThreads / kFours;
  static constexpr int kLeftLoads = (kRows + kRowsOfLoad - 1) / kRowsOfLoad;
  static constexpr int kRightLoads = (kColumns + kRowsOfLoad - 1) / kRowsOfLoad;

  // Brings a thread's share of the i-th rows to shared memory; returns its sum.
  template <class In, int kCount>
  RIFFLE_KERNEL static float Put(const In& in, int group, int first, int rows, int i, int64_t p, int64_t to,
                                 float (&operand)[kCount][kPitch]) {
    const int r = i * kRowsOfLoad + BlockThread() / kFours, f = BlockThread() % kFours;
    if (r >= kCount) return 0;
    Four four;
    if (first + r < rows) four = in.Load(int64_t{group} * rows + first + r, p + f * 4, to);
    *reinterpret_cast<PackedFour<float>*>(&operand[r][f * 4]) = {{four.v[0], four.v[1], four.v[2], four.v[3]}};
    return (four.v[0] + four.v[1]) + (four.v[2] + four.v[3]);
  }
};

/// Adds up the parts: a lane a value, a warp each so many parts.
struct AddParts {
  static constexpr int kThreads = 512, kWarps = kThreads / kWarp;
  struct Shared {
    float of_warp[kWarps][kWarp];
  };
  RowDotsShape shape;
  const float* parts;
  float* dots;
  float* sums;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t i = int64_t{blockIdx.x} * kWarp + Lane(), count = PartsOf(shape);
    float sum = 0;
    if (i < shape.values())
      for (int64_t part = Warp(); part < count; part += kWarps) sum += parts[part * shape.values() + i];
    shared.of_warp[Warp()][Lane()] = sum;
    __syncthreads();
    if (Warp() > 0 || i >= shape.values()) return;
    for (int w = 1; w < kWarps; ++w) sum += shared.of_warp[w][Lane()];
    if (i < shape.dots())
      dots[i] = sum;
    else
      sums[i - shape.dots()] = sum;
  }
};

/// Writes shape.dots() dots and, where shape.sums, the sums, when all parts are there.
inline void LaunchAddParts(const Execution& execution, const RowDotsShape& shape, const float* parts, float* dots,
                           float* sums) {
  Launch(execution, {DivideUp(shape.values(), kWarp)}, AddParts{shape, parts, dots, sums});
}

/// Computes the parts of the shape's pixels: `parts` is [PartsOf(shape)][shape.values()].
template <class Left, class Right>
void LaunchRowDots(const Execution& execution, const RowDotsShape& shape, const Left& left, const Right& right,
                   float* parts) {
  const auto launch = [&](auto kernel) {
    const int64_t tiles =
        DivideUp(shape.rows, decltype(kernel)::kRows) * DivideUp(shape.columns, decltype(kernel)::kColumns);
    Launch(execution, {PartsOf(shape) * shape.groups * tiles}, kernel);
  };
  switch (TileOf(shape)) {
    case RowDotsTile::k3x3:
      return launch(RowDots<Left, Right, 3, 3>{shape, left, right, parts});
    case RowDotsTile::k5x5:
      return launch(RowDots<Left, Right, 5, 5>{shape, left, right, parts});
    case RowDotsTile::k5x10:
      return launch(RowDots<Left, Right, 5, 10>{shape, left, right, parts});
  }
}

}  // namespace riffle::RIFFLE_GPU
