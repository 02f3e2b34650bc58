// RowDots (row_dots.h) of maps of bfloat16, by tensor cores: what the rows hold is rounded to bfloat16, sums are float.
// A warp computes 32 rows by 80 columns. Warps stand side by side, and where the matrix is small, in teams that share
// the pixels. While they compute, the next pixels are on their way to shared memory.
#pragma once

#include <cstdint>

#include "ops/row_dots.h"

namespace riffle::RIFFLE_GPU {

template <class Left, class Right>
struct TensorRowDots {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp, kBlocksAtOnce = 2;
  static constexpr int kNeighbours = 8;            // pixels that a lane reads at once
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
    const int64_t operands = 2 * OperandValues() * int64_t{sizeof(Bfloat16)};
    const int64_t results = kWarps * int64_t{sizeof(OfWarp)};
    return results > operands ? results : operands;
  }

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, row_warps * kRows));
    const auto column_tiles = static_cast<unsigned>(DivideUp(shape.columns, column_warps * kColumns));
    const auto groups = static_cast<unsigned>(shape.groups);
    const Place place = {static_cast<int>(blockIdx.x / column_tiles / row_tiles % groups),
                         static_cast<int>(blockIdx.x / column_tiles % row_tiles) * row_warps * kRows,
                         static_cast<int>(blockIdx.x % column_tiles) * column_warps * kColumns,
                         blockIdx.x / column_tiles / row_tiles / groups};
    auto* const operands = reinterpret_cast<Bfloat16*>(&shared);  // of the pixels of now, and of the next ones
    const int64_t from = place.part * PartPixels(shape);
    const int64_t to = from + PartPixels(shape) < shape.pixels ? from + PartPixels(shape) : shape.pixels;
    Sums sums = {};
    AsyncCopies copies;
    int now = 0;
    Put(operands, place, from, to, copies);
    for (int64_t p = from; p < to; p += Pixels(), now ^= 1) {
      if (p + Pixels() < to) {
        Put(operands + (now ^ 1) * OperandValues(), place, p + Pixels(), to, copies);
        copies.Wait<1>();
      } else {
        copies.Wait<0>();
      }
      __syncthreads();
      AddDots(operands + now * OperandValues(), place, sums);
      __syncthreads();
    }
    Store(reinterpret_cast<OfWarp*>(&shared), place, sums);
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

  // What the warps have computed, when they are done with the operands.
  struct OfWarp {
    alignas(8) float dot[kRows][kColumns + 8];  // four rows' neighbours lie in different banks
    float left[kRows];
  };

  RIFFLE_SHARED_CODE int Teams() const { return kWarps / (row_warps * column_warps); }
  RIFFLE_KERNEL int Team() const { return Warp() / (row_warps * column_warps); }
  // Where the warp's rows and columns begin in its tile.
  RIFFLE_KERNEL int FirstRow() const { return Warp() % row_warps * kRows; }
  RIFFLE_KERNEL int FirstColumn() const { return Warp() / row_warps % column_warps * kColumns; }
  // Rows in shared memory: a tile's, or all there are, to whole matrices of 16 rows.
  RIFFLE_SHARED_CODE int LeftRows() const { return Least(row_warps * kRows, Whole(shape.rows)); }
  RIFFLE_SHARED_CODE int RightRows() const { return Least(column_warps * kColumns, Whole(shape.columns)); }
  RIFFLE_SHARED_CODE static int Whole(int rows) { return (rows + 15) / 16 * 16; }
  RIFFLE_SHARED_CODE static int Least(int a, int b) { return a < b ? a : b; }

  // In shared memory at a time: 16 for a team at least.
  RIFFLE_SHARED_CODE int Pixels() const { return Teams() == 8 ? 128 : 64; }
  RIFFLE_SHARED_CODE int Pitch() const { return Pixels() + 8; }  // eight rows at the same pixels lie in different banks
  RIFFLE_SHARED_CODE int OperandValues() const { return (LeftRows() + RightRows()) * Pitch(); }

  // Brings both operands to shared memory, as a group of copies.
  RIFFLE_KERNEL void Put(Bfloat16* operands, const Place& place, int64_t p, int64_t to, AsyncCopies& copies) const {
    const bool inside = p + Pixels() <= to;
    Put(operands, left, inside, {LeftRows(), shape.rows - place.row, place.group * shape.rows + place.row}, p, to,
        copies);
    Put(operands + LeftRows() * Pitch(), right, inside,
        {RightRows(), shape.columns - place.column, place.group * shape.columns + place.column}, p, to, copies);
    copies.Commit();
  }
  template <class In>
  RIFFLE_KERNEL void Put(Bfloat16* operand, const In& in, bool inside, const Range& rows, int64_t p, int64_t to,
                         AsyncCopies& copies) const {
    const bool whole = inside && in.template IsPacked<kNeighbours>();
    if (whole && in.AsStored(0)) {
      const int eights = Pixels() / kNeighbours;
      for (int i = BlockThread(); i < rows.stored * eights; i += kThreads) {
        const int row = i / eights, pixel = i % eights * kNeighbours;
        Bfloat16* const place = operand + row * Pitch() + pixel;
        if (row < rows.count)
          copies.Copy(place, in.AsStored(rows.first + row) + p + pixel);
        else
          StorePacked(place, Values<kNeighbours>{});
      }
    } else if (whole) {
      PutComputed<true>(operand, in, rows, p, to);
    } else {
      PutComputed<false>(operand, in, rows, p, to);
    }
  }
  template <bool kWhole, class In>
  RIFFLE_KERNEL void PutComputed(Bfloat16* operand, const In& in, const Range& rows, int64_t p, int64_t to) const {
    constexpr int kLoads = 2;  // under way at once
    const int eights = Pixels() / kNeighbours, count = rows.stored * eights;
    for (int first = BlockThread(); first < count; first += kThreads * kLoads) {
      Values<kNeighbours> values[kLoads];
      RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
        const int index = first + i * kThreads, row = index / eights;
        values[i] = {};
        if (row < rows.count && index < count)
          values[i] = in.template Load<kNeighbours, kWhole>(rows.first + row, p + index % eights * kNeighbours, to);
      }
      RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
        const int index = first + i * kThreads;
        if (index < count) StorePacked(operand + index / eights * Pitch() + index % eights * kNeighbours, values[i]);
      }
    }
  }

  RIFFLE_KERNEL void AddDots(const Bfloat16* operands, const Place& place, Sums& sums) const {
    const int rows = LeftRows() - FirstRow(), columns = RightRows() - FirstColumn(), pitch = Pitch();
    if (rows <= 0 || columns <= 0) return;
    const Bfloat16* l = operands + (FirstRow() + Lane() % 16) * pitch + Lane() / 16 * 8;
    const Bfloat16* r =
        operands + (LeftRows() + FirstColumn() + Lane() / 16 * 8 + Lane() % 8) * pitch + Lane() / 8 % 2 * 8;
    const int share = Pixels() / Teams();
    for (int p = Team() * share; p < (Team() + 1) * share; p += 16) {
      uint32_t a[kRowTiles][4] = {};
      RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) {
        if (i * 16 >= rows) break;
        LoadMatrices(a[i], l + i * 16 * pitch + p);
        if (shape.sums && place.column == 0 && FirstColumn() == 0) MultiplyAdd(sums.left[i], a[i], kOnes, kOnes);
      }
      RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; c += 2) {
        if (c * 8 >= columns) break;
        uint32_t b[4];
        LoadMatrices(b, r + c * 8 * pitch + p);
        RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) {
          if (i * 16 >= rows) break;
          MultiplyAdd(sums.dot[i][c], a[i], b[0], b[1]);
          MultiplyAdd(sums.dot[i][c + 1], a[i], b[2], b[3]);
        }
      }
    }
  }

  // Adds up the teams' sums, one after the other, and writes them.
  RIFFLE_KERNEL void Store(OfWarp* of_warps, const Place& place, const Sums& sums) const {
    OfWarp& mine = of_warps[Warp()];
    RIFFLE_UNROLL for (int i = 0; i < kRowTiles; ++i) {
      RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
        const int row = i * 16 + half * 8 + Lane() / 4;
        RIFFLE_UNROLL for (int c = 0; c < kColumnTiles; ++c) {
          float* const dots = &mine.dot[row][c * 8 + Lane() % 4 * 2];
          dots[0] = sums.dot[i][c][half * 2];
          dots[1] = sums.dot[i][c][half * 2 + 1];
        }
        if (Lane() % 4 == 0) mine.left[row] = sums.left[i][half * 2];
      }
    }
    __syncthreads();

    const int warps_of_team = row_warps * column_warps;
    const int rows = Least(row_warps * kRows, shape.rows - place.row);
    const int columns = Least(column_warps * kColumns, shape.columns - place.column);
    float* const values = parts + place.part * shape.values();
    for (int i = BlockThread(); i < rows * columns; i += kThreads) {
      const int row = i / columns, column = i % columns;
      float sum = 0;
      for (int w = column / kColumns * row_warps + row / kRows; w < kWarps; w += warps_of_team)
        sum += of_warps[w].dot[row % kRows][column % kColumns];
      values[(place.group * int64_t{shape.rows} + place.row + row) * shape.columns + place.column + column] = sum;
    }
    if (!shape.sums || place.column > 0) return;
    for (int row = BlockThread(); row < rows; row += kThreads) {
      float sum = 0;
      for (int w = row / kRows; w < kWarps; w += warps_of_team) sum += of_warps[w].left[row % kRows];
      values[shape.dots() + place.group * shape.rows + place.row + row] = sum;
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
