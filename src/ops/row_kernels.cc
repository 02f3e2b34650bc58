#include "ops/row_kernels.h"

#include <fmt/format.h>

namespace riffle {
namespace {

// Rows or columns that are computed, in tiles of so many.
int64_t Computed(int64_t rows, int64_t of_tile) { return DivideUp(rows, of_tile) * of_tile; }

std::string_view Prefix(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFloat:
      return "";
    case Arithmetic::kTf32:
      return "TF32 ";
    case Arithmetic::kBfloat16:
      return "tensor ";
  }
  return "";
}

}  // namespace

ProductKernel ChooseProduct(const RowProductShape& shape, bool gathers, const KernelTarget& target) {
  if (target.maps == MapType::kBfloat16 && TensorProductMemory::Bytes(shape, gathers) <= target.shared_bytes)
    return {Arithmetic::kBfloat16, 2 * kTensorSide};
  const bool tf32 = target.maps == MapType::kFloat && target.tf32;
  const int large = 80, small = tf32 ? 32 : 40;
  return {tf32 ? Arithmetic::kTf32 : Arithmetic::kFloat,
          Computed(shape.rows, large) <= Computed(shape.rows, small) ? large : small};
}

DotsKernel ChooseDots(const RowDotsShape& shape, const KernelTarget& target) {
  if (target.maps == MapType::kBfloat16) return {Arithmetic::kBfloat16, 32, 80};
  if (target.tf32) return {Arithmetic::kTf32, 32, shape.columns <= 24 ? 24 : shape.columns <= 40 ? 40 : 80};
  const auto work = [&](int rows, int columns) {
    return Computed(shape.rows, rows) * Computed(shape.columns, columns);
  };
  const int64_t most = work(24, 24) * 3 / 2;  // larger tiles may compute so many
  if (work(40, 80) <= work(40, 40) && work(40, 80) <= most) return {Arithmetic::kFloat, 40, 80};
  const int side = work(40, 40) <= most ? 40 : 24;
  return {Arithmetic::kFloat, side, side};
}

std::string Text(const ProductKernel& kernel) {
  return fmt::format("{}product {}", Prefix(kernel.arithmetic), kernel.rows);
}

std::string Text(const DotsKernel& kernel) {
  return fmt::format("{}dots {}×{}", Prefix(kernel.arithmetic), kernel.rows, kernel.columns);
}

}  // namespace riffle
