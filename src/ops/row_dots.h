// Dots of the rows of maps with one another, for kernels:
//   dots[g·rows + r][c] = Σ_p left(g·rows + r, p)·right(g·columns + c, p)
//   sums[g·rows + r] = Σ_p left(g·rows + r, p), where they are wanted
// What rows hold is computed where they are read (row_values.h). Pixels are split into parts: a block computes those of
// a tile of the matrix in float, or where the execution allows it in TF32 (where maps are bfloat16, tensor cores do:
// tensor_row_dots.h), and a second kernel adds them up.
#pragma once

#include <cstdint>
#include <type_traits>

#include "backend/cuda/tf32.h"
#include "ops/row_kernels.h"
#include "ops/row_values.h"

namespace riffle::RIFFLE_GPU {

/// Pixels that lie in shared memory at a time, of which each team of threads takes a share. With the pitch eight rows
/// at the same pixels lie in different banks.
inline constexpr int kDotsThreads = 256, kDotsPixels = 64, kDotsPitch = kDotsPixels + 4;

template <int kRows, int kColumns>
struct DotsOperands {
  alignas(16) float left[kRows][kDotsPitch];
  alignas(16) float right[kColumns][kDotsPitch];
};

/// How a team computes the dots of a tile: exactly, in float. A thread has rows and columns that lie kSide apart.
template <int kRowsOfThread, int kColumnsOfThread>
struct FloatDots {
  static constexpr int kSide = 8, kTeam = kSide * kSide, kTeams = kDotsThreads / kTeam;
  static constexpr int kRows = kSide * kRowsOfThread, kColumns = kSide * kColumnsOfThread;
  static constexpr int kCount = kRowsOfThread * kColumnsOfThread;  // dots of a thread

  RIFFLE_KERNEL static int RowOf(int i) { return i / kColumnsOfThread * kSide + BlockThread() % kTeam / kSide; }
  RIFFLE_KERNEL static int ColumnOf(int i) { return i % kColumnsOfThread * kSide + BlockThread() % kSide; }
  RIFFLE_KERNEL static float Rounded(float value) { return value; }
  RIFFLE_KERNEL static void Add(const DotsOperands<kRows, kColumns>& operands, int team, float (&dots)[kCount]) {
    constexpr int kShare = kDotsPixels / kTeams;
    for (int p = team * kShare; p < (team + 1) * kShare; p += 4) {
      Values<4> l[kRowsOfThread];
      for (int r = 0; r < kRowsOfThread; ++r) l[r] = LoadPacked<4>(&operands.left[RowOf(r * kColumnsOfThread)][p]);
      for (int c = 0; c < kColumnsOfThread; ++c) {
        const auto other = LoadPacked<4>(&operands.right[ColumnOf(c)][p]);
        for (int r = 0; r < kRowsOfThread; ++r)
          for (int i = 0; i < 4; ++i) dots[r * kColumnsOfThread + c] += l[r].v[i] * other.v[i];
      }
    }
  }
};

/// On tensor cores, of factors that are rounded to TF32: a team is a warp, which has the whole tile.
template <int kRowTiles, int kColumnTiles>
struct Tf32Dots {
  static constexpr int kTeam = kWarp, kTeams = kDotsThreads / kTeam;
  static constexpr int kRows = 16 * kRowTiles, kColumns = 8 * kColumnTiles;
  static constexpr int kCount = kRowTiles * kColumnTiles * 4;

  RIFFLE_KERNEL static int RowOf(int i) { return i / 4 / kColumnTiles * 16 + i % 4 / 2 * 8 + Lane() / 4; }
  RIFFLE_KERNEL static int ColumnOf(int i) { return i / 4 % kColumnTiles * 8 + Lane() % 4 * 2 + i % 2; }
  RIFFLE_KERNEL static float Rounded(float value) { return RoundedToTf32(value); }
  RIFFLE_KERNEL static void Add(const DotsOperands<kRows, kColumns>& operands, int team, float (&dots)[kCount]) {
    static_assert(kDotsPixels / kTeams == 8, "a warp takes the depth of one product");
    const int q = Lane() / 4, p = team * 8 + Lane() % 4;
    float b[kColumnTiles][2];
    RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; ++c) {
      b[c][0] = operands.right[c * 8 + q][p];
      b[c][1] = operands.right[c * 8 + q][p + 4];
    }
    RIFFLE_UNROLL for (int t = 0; t < kRowTiles; ++t) {
      const float *low = operands.left[t * 16 + q], *high = operands.left[t * 16 + 8 + q];
      const float a[4] = {low[p], high[p], low[p + 4], high[p + 4]};
      RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; ++c) {
        float* const of_tile = dots + (t * kColumnTiles + c) * 4;
        float sums[4] = {of_tile[0], of_tile[1], of_tile[2], of_tile[3]};
        MultiplyAddTf32(sums, a, b[c][0], b[c][1]);
        RIFFLE_UNROLL for (int i = 0; i < 4; ++i) of_tile[i] = sums[i];
      }
    }
  }
};

template <class Left, class Right, class Arithmetic>
struct RowDots {
  static constexpr int kThreads = kDotsThreads, kTeam = Arithmetic::kTeam, kTeams = Arithmetic::kTeams;
  static constexpr int kRows = Arithmetic::kRows, kColumns = Arithmetic::kColumns, kCount = Arithmetic::kCount;
  static constexpr int kPixels = kDotsPixels;
  static constexpr int kBlocksAtOnce = 2;
  using Operands = DotsOperands<kRows, kColumns>;
  union Shared {
    Operands operands;
    float of_team[kCount][kTeam];
  };

  RowDotsShape shape;
  Left left;
  Right right;
  float* parts;  // [parts][shape.values()]

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, kRows));
    const auto column_tiles = static_cast<unsigned>(DivideUp(shape.columns, kColumns));
    const auto groups = static_cast<unsigned>(shape.groups);
    const Place place = {static_cast<int>(blockIdx.x / column_tiles / row_tiles % groups),
                         static_cast<int>(blockIdx.x / column_tiles % row_tiles) * kRows,
                         static_cast<int>(blockIdx.x % column_tiles) * kColumns,
                         blockIdx.x / column_tiles / row_tiles / groups};
    const bool whole = left.template IsPacked<kNeighbours>() && right.template IsPacked<kNeighbours>();
    const int64_t from = place.part * PartPixels(shape);
    const int64_t to = from + PartPixels(shape) < shape.pixels ? from + PartPixels(shape) : shape.pixels;
    Sums sums = {};
    for (int64_t p = from; p < to; p += kPixels) {
      if (whole && p + kPixels <= to)
        Put<true>(shared.operands, place, p, to, sums);
      else
        Put<false>(shared.operands, place, p, to, sums);
      __syncthreads();
      Arithmetic::Add(shared.operands, Team(), sums.dot);
      __syncthreads();
    }
    AddTeams(shared, sums);
    Store(place, sums);
  }

 private:
  static constexpr int kNeighbours = 4, kFours = kPixels / kNeighbours;  // of a row
  static constexpr int kRowsOfLoad = kThreads / kFours;
  static constexpr int kLeftLoads = (kRows + kRowsOfLoad - 1) / kRowsOfLoad;
  static constexpr int kRightLoads = (kColumns + kRowsOfLoad - 1) / kRowsOfLoad;

  // Where a block's tile begins, and which part it is of.
  struct Place {
    int group, row, column;
    int64_t part;
  };
  struct Sums {
    float dot[kCount];
    float left[kLeftLoads];
  };
  RIFFLE_KERNEL static int Team() { return BlockThread() / kTeam; }

  // Brings the operands to shared memory.
  template <bool kWhole>
  RIFFLE_KERNEL void Put(Operands& operands, const Place& place, int64_t p, int64_t to, Sums& sums) const {
    const int f = BlockThread() % kFours * kNeighbours;
    for (int i = 0; i < kLeftLoads; ++i) {
      const int r = i * kRowsOfLoad + BlockThread() / kFours;
      Values<kNeighbours> values = {};
      if (r < kRows && place.row + r < shape.rows)
        values = left.template Load<kNeighbours, kWhole>(place.group * shape.rows + place.row + r, p + f, to);
      if (r < kRows) StorePacked(&operands.left[r][f], Rounded(values));
      sums.left[i] += (values.v[0] + values.v[1]) + (values.v[2] + values.v[3]);
    }
    for (int i = 0; i < kRightLoads; ++i) {
      const int c = i * kRowsOfLoad + BlockThread() / kFours;
      Values<kNeighbours> values = {};
      if (c < kColumns && place.column + c < shape.columns)
        values = right.template Load<kNeighbours, kWhole>(place.group * shape.columns + place.column + c, p + f, to);
      if (c < kColumns) StorePacked(&operands.right[c][f], Rounded(values));
    }
  }
  RIFFLE_KERNEL static Values<kNeighbours> Rounded(Values<kNeighbours> values) {
    for (float& value : values.v) value = Arithmetic::Rounded(value);
    return values;
  }

  // Adds the other teams' dots to the first one's, one after the other.
  RIFFLE_KERNEL void AddTeams(Shared& shared, Sums& sums) const {
    for (int t = 1; t < kTeams; ++t) {
      RIFFLE_UNROLL for (int i = 0; i < kCount; ++i) if (Team() == t) shared.of_team[i][BlockThread() % kTeam] =
          sums.dot[i];
      __syncthreads();
      RIFFLE_UNROLL for (int i = 0; i < kCount; ++i) if (Team() == 0) sums.dot[i] += shared.of_team[i][BlockThread()];
      __syncthreads();
    }
  }

  RIFFLE_KERNEL void Store(const Place& place, const Sums& sums) const {
    float* values = parts + place.part * shape.values();
    RIFFLE_UNROLL for (int i = 0; i < kCount; ++i) {
      const int row = place.row + Arithmetic::RowOf(i), column = place.column + Arithmetic::ColumnOf(i);
      if (Team() == 0 && row < shape.rows && column < shape.columns)
        values[(place.group * int64_t{shape.rows} + row) * shape.columns + column] = sums.dot[i];
    }
    if (!shape.sums || place.column > 0) return;
    for (int i = 0; i < kLeftLoads; ++i) {
      float sum = sums.left[i];
      for (int distance = kFours / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(~0u, sum, distance);
      const int r = i * kRowsOfLoad + BlockThread() / kFours;
      if (BlockThread() % kFours == 0 && r < kRows && place.row + r < shape.rows)
        values[shape.dots() + place.group * shape.rows + place.row + r] = sum;
    }
  }
};

/// What dots are about, where they were computed of rows as they are: their means, to be subtracted from each value.
/// Needs shape.sums.
struct DotsMeans {
  const Moments<float>* right = nullptr;  ///< [groups·columns]; null: none
  bool left_too = false;                  ///< left and right are the same rows
};

/// Adds up the parts: a lane a value, a warp each so many parts.
struct DotsOfParts {
  static constexpr int kThreads = 512, kWarps = kThreads / kWarp;
  struct Sums {
    double value = 0, left = 0, right = 0;  // of a dot, and of its rows
  };
  struct Shared {
    Sums of_warp[kWarps][kWarp];
  };
  RowDotsShape shape;
  DotsMeans means;
  int64_t count;  // of parts
  const float* parts;
  float* dots;
  float* sums;  // null: not wanted

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t i = int64_t{blockIdx.x} * kWarp + Lane(), values = shape.values();
    const int64_t left = i / shape.columns, right = left / shape.rows * shape.columns + i % shape.columns;
    Sums all;
    if (i < values)
      for (int64_t part = Warp(); part < count; part += kWarps) {
        const float* of_part = parts + part * values;
        all.value += static_cast<double>(of_part[i]);
        if (!means.right || i >= shape.dots()) continue;
        all.left += static_cast<double>(of_part[shape.dots() + left]);
        if (means.left_too) all.right += static_cast<double>(of_part[shape.dots() + right]);
      }
    shared.of_warp[Warp()][Lane()] = all;
    __syncthreads();
    if (Warp() > 0 || i >= values) return;
    for (int w = 1; w < kWarps; ++w) {
      const Sums& of_warp = shared.of_warp[w][Lane()];
      all = {all.value + of_warp.value, all.left + of_warp.left, all.right + of_warp.right};
    }
    if (i >= shape.dots()) {
      if (sums) sums[i - shape.dots()] = static_cast<float>(all.value);
      return;
    }
    if (means.right) {
      const auto of_right = static_cast<double>(means.right[right].mean);
      all.value -= of_right * all.left;
      if (means.left_too)
        all.value -=
            static_cast<double>(means.right[left].mean) * (all.right - of_right * static_cast<double>(shape.pixels));
    }
    dots[i] = static_cast<float>(all.value);
  }
};

/// Writes shape.dots() dots and, where they are wanted, the sums, when all of so many parts are there.
inline void LaunchAddParts(const Execution& execution, const RowDotsShape& shape, const DotsMeans& means, int64_t count,
                           const float* parts, float* dots, float* sums) {
  Launch(execution, {DivideUp(shape.values(), kWarp)}, DotsOfParts{shape, means, count, parts, dots, sums});
}

/// Computes the parts of the shape's pixels, `parts` is [PartsOf(shape)][shape.values()], by what ChooseDots says, but
/// on maps of bfloat16 its tensor cores.
template <class Left, class Right>
void LaunchRowDots(const Execution& execution, const DotsKernel& kernel, const RowDotsShape& shape, const Left& left,
                   const Right& right, float* parts) {
  const auto launch = [&]<class Tile>(Tile) {
    if (Tile::kRows != kernel.rows || Tile::kColumns != kernel.columns) return;
    const int64_t tiles = DivideUp(shape.rows, Tile::kRows) * DivideUp(shape.columns, Tile::kColumns);
    Launch(execution, {PartsOf(shape) * shape.groups * tiles}, RowDots<Left, Right, Tile>{shape, left, right, parts});
  };
  if (kernel.arithmetic == Arithmetic::kTf32) {
    launch(Tf32Dots<2, 3>());
    launch(Tf32Dots<2, 5>());
    launch(Tf32Dots<2, 10>());
  } else {
    launch(FloatDots<3, 3>());
    launch(FloatDots<5, 5>());
    launch(FloatDots<5, 10>());
  }
}

}  // namespace riffle::RIFFLE_GPU
