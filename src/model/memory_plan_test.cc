#include "model/memory_plan.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace riffle {
namespace {

TEST(MemoryPlan, BuffersThatNeverMeetShareMemory) {
  const MemoryPlan plan = PlanMemory({{.size = 64, .first = 0, .last = 1}, {.size = 64, .first = 2, .last = 3}});
  EXPECT_EQ(plan.arena, 64);
  EXPECT_EQ(plan.offset[0], plan.offset[1]);
}

TEST(MemoryPlan, BuffersThatMeetInOneStepDoNotOverlap) {
  const MemoryPlan plan = PlanMemory({{.size = 64, .first = 0, .last = 2}, {.size = 32, .first = 2, .last = 3}});
  EXPECT_EQ(plan.arena, 96);
}

TEST(MemoryPlan, NoTwoLiveBuffersEverOverlap) {
  RandomStream random(7, RandomPurpose::kTest, 0, 0);
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferLife> buffers;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(random.Below(30));
      buffers.push_back({1 + random.Below(500), first, first + static_cast<int>(random.Below(8))});
    }
    const MemoryPlan plan = PlanMemory(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(plan.offset[i] % 16, 0);
      EXPECT_LE(plan.offset[i] + buffers[i].size, plan.arena);
      for (size_t j = 0; j < i; ++j) {
        const bool meet = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        const bool apart =
            plan.offset[i] + buffers[i].size <= plan.offset[j] || plan.offset[j] + buffers[j].size <= plan.offset[i];
        EXPECT_TRUE(!meet || apart);
      }
    }
  }
}

}  // namespace
}  // namespace riffle
