#include "data/order.h"

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

}  // namespace riffle
