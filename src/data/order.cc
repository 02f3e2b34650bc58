#include "data/order.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace riffle {

std::vector<int64_t> EpochOrder(int64_t size, bool shuffle, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  if (!shuffle) return order;
  RandomStream random(seed, RandomPurpose::kShuffle, static_cast<uint32_t>(epoch), 0);
  for (int64_t i = size - 1; i > 0; --i) std::swap(order[i], order[random.Below(static_cast<uint32_t>(i + 1))]);
  return order;
}

std::vector<int64_t> BufferedOrder(int64_t size, std::span<const int64_t> starts, int64_t buffer, uint64_t seed,
                                   int64_t epoch) {
  std::vector<int64_t> order;
  order.reserve(size);
  for (const int64_t shard : EpochOrder(static_cast<int64_t>(starts.size()), true, seed, epoch)) {
    const int64_t end = shard + 1 < static_cast<int64_t>(starts.size()) ? starts[shard + 1] : size;
    for (int64_t i = starts[shard]; i < end; ++i) order.push_back(i);
  }
  // The buffer is order[k, k + buffer): what is taken goes to place k, and what was there takes its room.
  RandomStream random(seed, RandomPurpose::kShuffle, static_cast<uint32_t>(epoch), 1);
  for (int64_t k = 0; k < size; ++k)
    std::swap(order[k], order[k + random.Below(static_cast<uint32_t>(std::min(buffer, size - k)))]);
  return order;
}

void RepeatPictures(int repeats, std::vector<int64_t>& order) {
  for (size_t k = order.size(); repeats > 1 && k-- > 0;) order[k] = order[k / repeats];  // k / repeats is not after k
}

}  // namespace riffle
