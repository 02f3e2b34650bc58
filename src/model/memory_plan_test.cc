#include "model/memory_plan.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace riffle {
namespace {

TEST(MemoryPlan, BuffersThatNeverMeetShareMemory) {
  const MemoryPlan plan = PlanMemory({{.bytes = 256, .first = 0, .last = 1}, {.bytes = 256, .first = 2, .last = 3}});
  EXPECT_EQ(plan.arena_bytes, 256);
  EXPECT_EQ(plan.offset_bytes[0], plan.offset_bytes[1]);
}

TEST(MemoryPlan, BuffersThatMeetInOneStepDoNotOverlap) {
  const MemoryPlan plan = PlanMemory({{.bytes = 256, .first = 0, .last = 2}, {.bytes = 128, .first = 2, .last = 3}});
  EXPECT_EQ(plan.arena_bytes, 384);
}

TEST(MemoryPlan, NoTwoLiveBuffersEverOverlap) {
  RandomStream random(7, RandomPurpose::kTest, 0, 0);
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferLife> buffers;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(random.Below(30));
      buffers.push_back({1 + random.Below(2000), first, first + static_cast<int>(random.Below(8))});
    }
    const MemoryPlan plan = PlanMemory(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(plan.offset_bytes[i] % 64, 0);
      EXPECT_LE(plan.offset_bytes[i] + buffers[i].bytes, plan.arena_bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool meet = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        const bool apart = plan.offset_bytes[i] + buffers[i].bytes <= plan.offset_bytes[j] ||
                           plan.offset_bytes[j] + buffers[j].bytes <= plan.offset_bytes[i];
        EXPECT_TRUE(!meet || apart);
      }
    }
  }
}

}  // namespace
}  // namespace riffle
