#include "base/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <string>
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

TEST(Threads, ThoseThatTheSystemDoesNotStartAreToldAndTheOthersWork) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more address space than the limit leaves";
#endif
  EXPECT_TRUE(StartThreads(2).ok());
  EXPECT_EQ(Threads(), 2);
  EXPECT_TRUE(StartThreads(0).ok());
  EXPECT_EQ(Threads(), 2) << "0 leaves their number as it is";
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit small = {.rlim_cur = rlim_t{4} << 30, .rlim_max = before.rlim_max};  // each stack takes 8 MB of it
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &small), 0);
  const Status status = StartThreads(4000);
  std::atomic<int> sum = 0;
  ParallelFor(100, [&](int64_t) { ++sum; });
  ::setrlimit(RLIMIT_AS, &before);
  SetThreads(1);
  EXPECT_EQ(sum, 100);
  EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
  EXPECT_NE(status.message().find("4000 threads were to compute"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("lower --threads"), std::string::npos) << status.message();
}

TEST(Threads, TheDefaultIsWhatTheProcessMayUse) { EXPECT_GE(UsableCores(), 1); }

}  // namespace
}  // namespace riffle
