#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace riffle {
namespace {

TEST(Threads, EveryTaskRunsOnceAtAnyNumberOfThreads) {
  for (int threads : {1, 2, 3, 5}) {
    SetThreads(threads);
    EXPECT_EQ(Threads(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(tasks);
      ParallelForThread(tasks, [&](int64_t i, int thread) {
        ASSERT_LT(thread, threads);
        ++runs[i];
      });
      for (auto& r : runs) EXPECT_EQ(r, 1);
    }
  }
}

TEST(Threads, ManyShortRegionsInARowLoseNoTask) {
  SetThreads(2);
  std::atomic<int64_t> sum = 0;
  for (int region = 0; region < 20000; ++region) ParallelFor(3, [&](int64_t i) { sum += i; });
  EXPECT_EQ(sum, 20000 * 3);
}

TEST(Threads, ARegionInsideATaskRunsInThatTask) {
  SetThreads(2);
  std::atomic<int> inner = 0;
  ParallelForThread(4, [&](int64_t, int thread) {
    ParallelForThread(3, [&](int64_t, int inner_thread) {
      EXPECT_EQ(inner_thread, thread);
      ++inner;
    });
  });
  EXPECT_EQ(inner, 12);
}

TEST(Threads, TheDefaultIsWhatTheProcessMayUse) { EXPECT_GE(UsableCores(), 1); }

}  // namespace
}  // namespace riffle
