// Dots of the rows of maps with one another, for kernels:
//   dots[g·rows + r][c] = Σ_p left(g·rows + r, p)·right(g·columns + c, p)
//   sums[g·rows + r] = Σ_p left(g·rows + r, p), where they are wanted
// What rows hold is computed where they are read (row_values.h). Pixels are split into parts: a block computes those of
// a tile of the matrix in float (where maps are bfloat16, tensor cores do: tensor_row_dots.h), and a second kernel adds
// them up.
#pragma once

#include <cstdint>

#include "ops/row_values.h"

namespace riffle::RIFFLE_GPU {

struct RowDotsShape {
  int groups = 1;
  int rows = 1;     ///< of a group
  int columns = 1;  ///< of a group
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

template <class Left, class Right, int kRowsOfThread, int kColumnsOfThread>
struct RowDots {
  static constexpr int kThreads = 256, kSide = 8, kTeam = kSide * kSide, kTeams = kThreads / kTeam;
  static constexpr int kRows = kSide * kRowsOfThread, kColumns = kSide * kColumnsOfThread;
  static constexpr int kPixels = 64;          // at a time, of which each team of threads takes a share
  static constexpr int kPitch = kPixels + 4;  // eight rows at the same pixels lie in different banks
  static constexpr int kBlocksAtOnce = 2;
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
      AddDots(shared.operands, sums);
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
    float dot[kRowsOfThread][kColumnsOfThread];
    float left[kLeftLoads];
  };
  // A thread has the tile's rows Y(), Y() + kSide … and columns X(), X() + kSide ….
  RIFFLE_KERNEL static int Team() { return BlockThread() / kTeam; }
  RIFFLE_KERNEL static int Y() { return BlockThread() % kTeam / kSide; }
  RIFFLE_KERNEL static int X() { return BlockThread() % kSide; }

  // Brings the operands to shared memory.
  template <bool kWhole>
  RIFFLE_KERNEL void Put(Operands& operands, const Place& place, int64_t p, int64_t to, Sums& sums) const {
    const int f = BlockThread() % kFours * kNeighbours;
    for (int i = 0; i < kLeftLoads; ++i) {
      const int r = i * kRowsOfLoad + BlockThread() / kFours;
      Values<kNeighbours> values = {};
      if (r < kRows && place.row + r < shape.rows)
        values = left.template Load<kNeighbours, kWhole>(place.group * shape.rows + place.row + r, p + f, to);
      if (r < kRows) StorePacked(&operands.left[r][f], values);
      sums.left[i] += (values.v[0] + values.v[1]) + (values.v[2] + values.v[3]);
    }
    for (int i = 0; i < kRightLoads; ++i) {
      const int c = i * kRowsOfLoad + BlockThread() / kFours;
      Values<kNeighbours> values = {};
      if (c < kColumns && place.column + c < shape.columns)
        values = right.template Load<kNeighbours, kWhole>(place.group * shape.columns + place.column + c, p + f, to);
      if (c < kColumns) StorePacked(&operands.right[c][f], values);
    }
  }

  RIFFLE_KERNEL void AddDots(const Operands& operands, Sums& sums) const {
    for (int f = Team() * (kFours / kTeams); f < (Team() + 1) * (kFours / kTeams); ++f) {
      Values<kNeighbours> l[kRowsOfThread];
      for (int r = 0; r < kRowsOfThread; ++r)
        l[r] = LoadPacked<kNeighbours>(&operands.left[r * kSide + Y()][f * kNeighbours]);
      for (int c = 0; c < kColumnsOfThread; ++c) {
        const auto other = LoadPacked<kNeighbours>(&operands.right[c * kSide + X()][f * kNeighbours]);
        for (int r = 0; r < kRowsOfThread; ++r)
          for (int i = 0; i < kNeighbours; ++i) sums.dot[r][c] += l[r].v[i] * other.v[i];
      }
    }
  }

  // Adds the other teams' dots to the first one's, one after the other.
  RIFFLE_KERNEL void AddTeams(Shared& shared, Sums& sums) const {
    for (int t = 1; t < kTeams; ++t) {
      for (int i = 0; i < kRowsOfThread * kColumnsOfThread; ++i)
        if (Team() == t)
          shared.of_team[i][BlockThread() % kTeam] = sums.dot[i / kColumnsOfThread][i % kColumnsOfThread];
      __syncthreads();
      for (int i = 0; i < kRowsOfThread * kColumnsOfThread; ++i)
        if (Team() == 0) sums.dot[i / kColumnsOfThread][i % kColumnsOfThread] += shared.of_team[i][BlockThread()];
      __syncthreads();
    }
  }

  RIFFLE_KERNEL void Store(const Place& place, Sums& sums) const {
    float* values = parts + place.part * shape.values();
    for (int r = 0; r < kRowsOfThread; ++r)
      for (int c = 0; c < kColumnsOfThread; ++c) {
        const int row = place.row + r * kSide + Y(), column = place.column + c * kSide + X();
        if (Team() == 0 && row < shape.rows && column < shape.columns)
          values[(place.group * int64_t{shape.rows} + row) * shape.columns + column] = sums.dot[r][c];
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
struct AddParts {
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
  Launch(execution, {DivideUp(shape.values(), kWarp)}, AddParts{shape, means, count, parts, dots, sums});
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
