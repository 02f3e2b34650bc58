// The kernels of graphics cards (backend/cuda/kernel.h says how they are written). Pointers are to the card's memory; a
// call enqueues and returns. Results have the same bits in every run on one kind of card.
#pragma once

#include <type_traits>

#include "backend/cuda/kernel.h"
#include "base/bfloat16.h"
#include "ops/op_table.h"

namespace riffle::RIFFLE_GPU {
#define RIFFLE_MAP float
#include "ops/op_functions-inl.h"
#undef RIFFLE_MAP
#define RIFFLE_MAP Bfloat16
#include "ops/op_functions-inl.h"
#undef RIFFLE_MAP

/// What kernels on these maps are chosen for.
template <class Map>
KernelTarget TargetOf(const Execution& execution) {
  return {std::is_same_v<Map, float> ? MapType::kFloat : MapType::kBfloat16, execution.tf32,
          MostSharedBytes(execution)};
}

void DepthwiseGram(const Execution&, const DepthwiseGramShape&, const riffle::DepthwiseGram<float, Bfloat16>&);

}  // namespace riffle::RIFFLE_GPU
