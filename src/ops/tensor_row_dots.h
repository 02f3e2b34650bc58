// RowDots (row_dots.h) of maps of bfloat16, by tensor cores: what the rows hold is rounded to bfloat16, sums are float.
// A warp computes 32 rows by 80 columns. Warps stand side by side, and where the matrix is small, in teams that share
// the pixels.
#pragma once

#include <cstdint>

#include "ops/row_dots.h"

namespace riffle::RIFFLE_GPU {

template <class Left, class Right>
struct TensorRowDots {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp, kBlocksAtOnce = 2;
  static constexpr int kNeighbours = 8;            // pixels that a lane reads at once
  static constexpr int kPixels = 128;              // in shared memory at a time
  static constexpr int kPitch = kPixels + 8;       // eight rows at the same pixels lie in different banks
  static constexpr int kRows = 32, kColumns = 80;  // of a warp
  static constexpr int kRowTiles = kRows / 16, kColumnTiles = kColumns / 8;
  static constexpr uint32_t kOnes = 0x3F803F80;  // a pair of 1
  using Shared = unsigned char;

  RowDotsShape shape;
  Left left;
  Right right;
  float* parts;  // [parts][shape.values()]
  int row_warps, column_warps;

  constexpr TensorRowDots(const RowDotsShape& of, const Left& of_left, const Right& of_right, float* of_parts)
      : shape(of),
        left(of_left),
        right(of_right),
        parts(of_parts),
        row_warps(of.rows <= kRows       ? 1
                  : of.rows <= 2 * kRows ? 2
                                         : 4),
        column_warps(of.columns <= kColumns ? 1 : 2) {}

  int64_t RowTiles() const { return DivideUp(shape.rows, row_warps * kRows); }
  int64_t ColumnTiles() const { return DivideUp(shape.columns, column_warps * kColumns); }
  int64_t SharedBytes() const {
    const int64_t operands = (LeftRows() + RightRows()) * int64_t{kPitch} * int64_t{sizeof(Bfloat16)};
    const int64_t team = row_warps * column_warps * int64_t{kRows * kColumns} * int64_t{sizeof(float)};
    return Teams() > 1 && team > operands ? team : operands;
  }

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, row_warps * kRows));
    const auto column_tiles = static_cast<unsigned>(DivideUp(shape.columns, column_warps * kColumns));
    const auto groups = static_cast<unsigned>(shape.groups);
    const Place place = {static_cast<int>(blockIdx.x / column_tiles / row_tiles % groups),
                         static_cast<int>(blockIdx.x / column_tiles % row_tiles) * row_warps * kRows,
                         static_cast<int>(blockIdx.x % column_tiles) * column_warps * kColumns,
                         blockIdx.x / column_tiles / row_tiles / groups};
    auto* const left_rows = reinterpret_cast<Bfloat16*>(&shared);
    Bfloat16* const right_rows = left_rows + LeftRows() * kPitch;
    const bool whole = left.template IsPacked<kNeighbours>() && right.template IsPacked<kNeighbours>();
    const int64_t from = place.part * PartPixels(shape);
    const int64_t to = from + PartPixels(shape) < shape.pixels ? from + PartPixels(shape) : shape.pixels;
    Sums sums = {};
    for (int64_t p = from; p < to; p += kPixels) {
      const Range of_left = {LeftRows(), shape.rows - place.row, place.group * shape.rows + place.row};
      const Range of_right = {RightRows(), shape.columns - place.column, place.group * shape.columns + place.column};
      if (whole && p + kPixels <= to) {
        Put<true>(left_rows, left, of_left, p, to);
        Put<true>(right_rows, right, of_right, p, to);
      } else {
        Put<false>(left_rows, left, of_left, p, to);
        Put<false>(right_rows, right, of_right, p, to);
      }
      __syncthreads();
      AddDots(left_rows, right_rows, place, sums);
      __syncthreads();
    }
    AddTeams(reinterpret_cast<float*>(&shared), sums);
    if (Team() == 0) Store(place, sums);
  }

 private:
  // Where a block's tile begins, and which part it is of.
  struct Place {
    int group, row, column;
    int64_t part;
  };
  // Rows of an operand: how many lie in shared memory, how many of them there are, and the first one's number.
  struct Range {
    int stored, count, first;
  };
  struct Sums {
    float dot[kRowTiles][kColumnTiles][4];
    float left[kRowTiles][4];
  };

  RIFFLE_SHARED_CODE int Teams() const { return kWarps / (row_warps * column_warps); }
  RIFFLE_KERNEL int Team() const { return Warp() / (row_warps * column_warps); }
  // Where the warp's rows and columns begin in its tile.
  RIFFLE_KERNEL int FirstRow() const { return Warp() % row_warps * kRows; }
  RIFFLE_KERNEL int FirstColumn() const { return Warp() / row_warps % column_warps * kColumns; }
  // Rows in shared memory: those of the tile, or all there are in whole matrices of 16 rows.
  RIFFLE_SHARED_CODE int LeftRows() const { return Least(row_warps * kRows, shape.rows); }
  RIFFLE_SHARED_CODE int RightRows() const { return Least(column_warps * kColumns, shape.columns); }
  RIFFLE_SHARED_CODE static int Least(int tile, int rows) {
    const int whole = (rows + 15) / 16 * 16;
    return whole < tile ? whole : tile;
  }

  template <bool kWhole, class In>
  RIFFLE_KERNEL void Put(Bfloat16* operand, const In& in, const Range& rows, int64_t p, int64_t to) const {
    constexpr int kLoads = 4;  // under way at once
    constexpr int kEights = kPixels / kNeighbours;
    const int count = rows.stored * kEights;
    for (int first = BlockThread(); first < count; first += kThreads * kLoads) {
      Values<kNeighbours> values[kLoads];
      RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
        const int index = first + i * kThreads, row = index / kEights;
        values[i] = {};
        if (row < rows.count && index < count)
          values[i] = in.template Load<kNeighbours, kWhole>(rows.first + row, p + index % kEights * kNeighbours, to);
      }
      RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
        const int index = first + i * kThreads;
        if (index < count) StorePacked(operand + index / kEights * kPitch + index % kEights * kNeighbours, values[i]);
      }
    }
  }

  RIFFLE_KERNEL void AddDots(const Bfloat16* left_rows, const Bfloat16* right_rows, const Place& place,
                             Sums& sums) const {
    const int rows = LeftRows() - FirstRow(), columns = RightRows() - FirstColumn();
    if (rows <= 0 || columns <= 0) return;
    const Bfloat16* l = left_rows + (FirstRow() + Lane() % 16) * kPitch + Lane() / 16 * 8;
    const Bfloat16* r = right_rows + (FirstColumn() + Lane() / 16 * 8 + Lane() % 8) * kPitch + Lane() / 8 % 2 * 8;
    for (int p = Team() * (kPixels / Teams()); p < (Team() + 1) * (kPixels / Teams()); p += 16) {
      uint32_t a[kRowTiles][4] = {};
      RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) {
        if (i * 16 >= rows) break;
        LoadMatrices(a[i], l + i * 16 * kPitch + p);
        if (shape.sums && place.column == 0 && FirstColumn() == 0) MultiplyAdd(sums.left[i], a[i], kOnes, kOnes);
      }
      RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; c += 2) {
        if (c * 8 >= columns) break;
        uint32_t b[4];
        LoadMatrices(b, r + c * 8 * kPitch + p);
        RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) {
          if (i * 16 >= rows) break;
          MultiplyAdd(sums.dot[i][c], a[i], b[0], b[1]);
          MultiplyAdd(sums.dot[i][c + 1], a[i], b[2], b[3]);
        }
      }
    }
  }

  // Adds the other teams' sums to the first one's, one after the other.
  RIFFLE_KERNEL void AddTeams(float* of_team, Sums& sums) const {
    float* const mine = of_team + BlockThread() % (row_warps * column_warps * kWarp);
    const int step = row_warps * column_warps * kWarp;
    for (int t = 1; t < Teams(); ++t) {
      int at = 0;
      RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; ++c)
          RIFFLE_UNROLL for (int k = 0; k < 4; ++k, at += step) if (Team() == t) mine[at] = sums.dot[i][c][k];
      __syncthreads();
      at = 0;
      RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; ++c)
          RIFFLE_UNROLL for (int k = 0; k < 4; ++k, at += step) if (Team() == 0) sums.dot[i][c][k] += mine[at];
      __syncthreads();
      if (!shape.sums) continue;
      RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) RIFFLE_UNROLL for (int k = 0; k < 4; ++k) if (Team() == t)
          mine[(i * 4 + k) * step] = sums.left[i][k];
      __syncthreads();
      RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) RIFFLE_UNROLL for (int k = 0; k < 4; ++k) if (Team() == 0)
          sums.left[i][k] += mine[(i * 4 + k) * step];
      __syncthreads();
    }
  }

  RIFFLE_KERNEL void Store(const Place& place, const Sums& sums) const {
    float* const values = parts + place.part * shape.values();
    RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
      const int row = place.row + FirstRow() + i * 16 + half * 8 + Lane() / 4;
      if (row >= shape.rows) continue;
      RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; ++c) RIFFLE_UNROLL for (int e = 0; e < 2; ++e) {
        const int column = place.column + FirstColumn() + c * 8 + Lane() % 4 * 2 + e;
        if (column < shape.columns)
          values[(place.group * int64_t{shape.rows} + row) * shape.columns + column] = sums.dot[i][c][half * 2 + e];
      }
      if (shape.sums && place.column == 0 && FirstColumn() == 0 && Lane() % 4 == 0)
        values[shape.dots() + place.group * shape.rows + row] = sums.left[i][half * 2];
    }
  }
};

/// Launches it; parts are as LaunchRowDots' are.
template <class Left, class Right>
void LaunchTensorRowDots(const Execution& execution, const RowDotsShape& shape, const Left& left, const Right& right,
                         float* parts) {
  const TensorRowDots<Left, Right> kernel(shape, left, right, parts);
  Launch(execution, {PartsOf(shape) * shape.groups * kernel.RowTiles() * kernel.ColumnTiles()}, kernel);
}

}  // namespace riffle::RIFFLE_GPU
