#include "model/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "base/arena.h"

namespace riffle {

MemoryPlan PlanMemory(const std::vector<BufferLife>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return buffers[a].size > buffers[b].size; });

  MemoryPlan plan{.offset = std::vector<int64_t>(buffers.size())};
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    const BufferLife& life = buffers[i];
    const int64_t size = (life.size + kCacheLineFloats - 1) / kCacheLineFloats * kCacheLineFloats;
    int64_t offset = 0;
    for (size_t j : placed) {
      const BufferLife& other = buffers[j];
      if (other.last < life.first || life.last < other.first) continue;
      if (plan.offset[j] >= offset + size) break;  // the gap before j is wide enough
      offset =
          std::max(offset, plan.offset[j] + (other.size + kCacheLineFloats - 1) / kCacheLineFloats * kCacheLineFloats);
    }
    plan.offset[i] = offset;
    plan.arena = std::max(plan.arena, offset + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) { return plan.offset[a] < plan.offset[b]; }),
                  i);
  }
  return plan;
}

}  // namespace riffle
