// What kernels are chosen for: which kind of processor, and what maps hold.
#pragma once

#include <cstdint>

#include "backend/execution.h"
#include "base/bfloat16.h"

namespace riffle {

/// What maps and their gradients hold; parameters and statistics are floats in any case.
enum class MapType { kFloat, kBfloat16 };
constexpr int BytesOf(MapType type) { return type == MapType::kFloat ? sizeof(float) : sizeof(Bfloat16); }

struct KernelTarget {
  MapType maps = MapType::kFloat;
  bool tf32 = false;         ///< Execution::tf32
  int64_t shared_bytes = 0;  ///< that a block of a card's kernels can share; 0: the CPU

  bool card() const { return shared_bytes > 0; }
};

}  // namespace riffle
