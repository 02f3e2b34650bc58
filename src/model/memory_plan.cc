#include "model/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "base/arena.h"

namespace riffle {
namespace {

int64_t WholeCacheLines(int64_t bytes) {
  constexpr auto kLine = static_cast<int64_t>(kCacheLineBytes);
  return (bytes + kLine - 1) / kLine * kLine;
}

}  // namespace

MemoryPlan PlanMemory(const std::vector<BufferLife>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  const auto extent = [&](size_t i) { return buffers[i].bytes * (buffers[i].last - buffers[i].first + 1); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return extent(a) > extent(b); });

  MemoryPlan plan{.offset_bytes = std::vector<int64_t>(buffers.size())};
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    const BufferLife& life = buffers[i];
    const int64_t bytes = WholeCacheLines(life.bytes);
    int64_t offset = 0;
    for (size_t j : placed) {
      const BufferLife& other = buffers[j];
      if (other.last < life.first || life.last < other.first) continue;
      if (plan.offset_bytes[j] >= offset + bytes) break;  // the gap before j is wide enough
      offset = std::max(offset, plan.offset_bytes[j] + WholeCacheLines(other.bytes));
    }
    plan.offset_bytes[i] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) { return plan.offset_bytes[a] < plan.offset_bytes[b]; }),
                  i);
  }
  return plan;
}

}  // namespace riffle
