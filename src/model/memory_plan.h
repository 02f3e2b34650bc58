// Where each buffer lies in one arena, known before the first step: buffers whose lives do not overlap share memory.
#pragma once

#include <cstdint>
#include <vector>

namespace riffle {

/// A buffer and its life: it holds data from step `first` to step `last`, both included.
struct BufferLife {
  int64_t size = 0;  ///< values
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offset;  ///< of each buffer, in values; whole cache lines
  int64_t arena = 0;            ///< values in all
};

/// Places the largest buffers first, each at the lowest place that is free during its life.
MemoryPlan PlanMemory(const std::vector<BufferLife>& buffers);

}  // namespace riffle
