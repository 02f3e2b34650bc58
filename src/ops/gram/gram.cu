// Dots of a group's rows with one another (row_dots.h; of maps of bfloat16, tensor_pass.h, or tensor_row_dots.h).
#include <type_traits>

#include "ops/gpu.h"
#include "ops/group_conv/tensor_passes.h"
#include "ops/row_dots.h"
#include "ops/tensor_row_dots.h"

namespace riffle::RIFFLE_GPU {
namespace {

template <class Map>
void Run(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Map>& a) {
  // Products of bfloat16 are exact in float, those of distances from a mean are not.
  constexpr bool kTensor = std::is_same_v<Map, Bfloat16>;
  const GramKernels kernels = ChooseGram(shape, TargetOf<Map>(execution));
  if constexpr (kTensor)
    if (kernels.pass) return TensorGram(execution, *kernels.pass, shape, a);
  const RowDotsShape dots = {shape.groups, shape.per_group(), shape.per_group(), shape.pixels, kTensor};
  float* const parts = Scratch<float>(execution, PartsOf(dots) * dots.values());
  DotsMeans means;
  if constexpr (kTensor) {
    const InputRows<Map> rows = {a.x};
    LaunchTensorRowDots(execution, dots, rows, rows, parts);
    means = {a.moments, true};
  } else {
    const CentredRows<Map> rows = {a.x, a.moments};
    LaunchRowDots(execution, kernels.dots, dots, rows, rows, parts);
  }
  LaunchAddParts(execution, dots, means, PartsOf(dots), parts, a.comoments, nullptr);
}

}  // namespace

void Gram(const Execution& execution, const GramShape& shape, const riffle::Gram<float>& a) {
  Run(execution, shape, a);
}
void Gram(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
