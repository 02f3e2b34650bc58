// Which kernels of graphics cards compute products and dots of rows that are no single pass: their shapes, and the tile
// that each takes. Chosen here alone; row_product.h and row_dots.h, and for tensor cores tensor_row_product.h and
// tensor_row_dots.h, run what was chosen.
#pragma once

#include <cstdint>
#include <string>

#include "backend/cuda/card.h"
#include "ops/kernel_target.h"

namespace riffle {

/// Of the kernels of products: pixels of a tile.
inline constexpr int kTilePixels = 128;
inline constexpr int kTensorSide = 16;  ///< rows and depth of what tensor cores multiply at once

/// out[g·rows + r][p] = Σ_d weight[g·depth + d][r]·in(g·depth + d, p)
struct RowProductShape {
  int groups = 1;
  int rows = 1;   ///< of a group
  int depth = 1;  ///< of a group
  int64_t pixels = 0;

  constexpr int64_t tiles() const { return DivideUp(pixels, kTilePixels); }
};

/// dots[g·rows + r][c] = Σ_p left(g·rows + r, p)·right(g·columns + c, p)
struct RowDotsShape {
  int groups = 1;
  int rows = 1;     ///< of a group
  int columns = 1;  ///< of a group
  int64_t pixels = 0;
  bool sums = false;  ///< Σ_p left, too

  constexpr int64_t dots() const { return int64_t{groups} * rows * columns; }
  constexpr int64_t values() const { return dots() + (sums ? int64_t{groups} * rows : 0); }
};

/// Pixels of a part: few, so that there are blocks enough for a large card also in a stretch of the pixels, but not so
/// few that the parts of large matrices are as much memory as the map.
inline constexpr int64_t kMostPartPixels = 2048;
constexpr int64_t PartPixels(const RowDotsShape& shape) {
  return int64_t{shape.rows} * shape.columns > 40 * (shape.rows + shape.columns) ? kMostPartPixels
                                                                                 : kMostPartPixels / 2;
}
constexpr int64_t PartsOf(const RowDotsShape& shape) { return DivideUp(shape.pixels, PartPixels(shape)); }

/// How factors are multiplied: exactly, in float; on tensor cores, rounded to TF32 or to bfloat16.
enum class Arithmetic { kFloat, kTf32, kBfloat16 };

/// The kernel of a product: its tile has so many rows.
struct ProductKernel {
  Arithmetic arithmetic = Arithmetic::kFloat;
  int rows = 0;
};
/// The kernel of dots, likewise.
struct DotsKernel {
  Arithmetic arithmetic = Arithmetic::kFloat;
  int rows = 0, columns = 0;
};

/// What a block of the tensor cores' product shares: the rows that it reads, and what its own come to, if it gathers.
struct TensorProductMemory {
  static constexpr int kNeighbours = 8;           ///< pixels that a lane reads and writes at once
  static constexpr int kPitch = kTilePixels + 8;  ///< eight rows at the same pixels lie in different banks
  static constexpr int kPartials = kTilePixels / kNeighbours, kPartialBytes = 8;  ///< of a row

  static constexpr int64_t OperandBytes(const RowProductShape& shape) {
    return DivideUp(shape.depth, kTensorSide) * kTensorSide * kPitch * int64_t{sizeof(Bfloat16)};
  }
  static constexpr int64_t Bytes(const RowProductShape& shape, bool gathers) {
    return OperandBytes(shape) + (gathers ? int64_t{shape.rows} * (kPartials + 1) * kPartialBytes : 0);
  }
};

ProductKernel ChooseProduct(const RowProductShape& shape, bool gathers, const KernelTarget& target);
DotsKernel ChooseDots(const RowDotsShape& shape, const KernelTarget& target);

/// "product 80": of tiles of so many rows; "tensor dots 32×80": and columns
std::string Text(const ProductKernel& kernel);
std::string Text(const DotsKernel& kernel);

}  // namespace riffle
