// Dots of a group's rows with one another (row_dots.h).
#include "ops/gpu.h"
#include "ops/row_dots.h"

namespace riffle::RIFFLE_GPU {
namespace {

template <class Map>
void Run(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Map>& a) {
  const RowDotsShape dots = {shape.groups, shape.per_group(), shape.per_group(), shape.pixels};
  float* const parts = Scratch<float>(execution, PartsOf(dots) * dots.values());
  const CentredRows<Map> rows = {a.x, a.moments};
  LaunchRowDots(execution, dots, rows, rows, parts);
  LaunchAddParts(execution, dots, parts, a.comoments, nullptr);
}

}  // namespace

void Gram(const Execution& execution, const GramShape& shape, const riffle::Gram<float>& a) {
  Run(execution, shape, a);
}
void Gram(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
