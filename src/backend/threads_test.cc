#include "backend/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

namespace riffle {
namespace {

TEST(ThreadPool, EveryTaskRunsOnceAtAnyNumberOfThreads) {
  for (int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    EXPECT_TRUE(pool.Started().ok());
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(tasks);
      pool.ParallelForThread(tasks, [&](int64_t i, int thread) {
        ASSERT_LT(thread, threads);
        ++runs[i];
      });
      for (auto& r : runs) EXPECT_EQ(r, 1);
    }
  }
}

TEST(ThreadPool, ManyShortRegionsInARowLoseNoTask) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum = 0;
  for (int region = 0; region < 20000; ++region) pool.ParallelFor(3, [&](int64_t i) { sum += i; });
  EXPECT_EQ(sum, 20000 * 3);
}

TEST(ThreadPool, EachThreadBeginsWithAPartOfItsOwn) {
  constexpr int kThreads = 3, kTasks = 6;
  for (int i = 0; i < 20; ++i) {
    ThreadPool pool(
        kThreads);  // a new one: who is late in a region may help out in the next before it begins its own part
    std::atomic<int> begun = 0;
    std::vector<int64_t> first(kThreads, -1);
    pool.ParallelForThread(kTasks, [&](int64_t task, int thread) {
      if (first[thread] < 0) first[thread] = task;
      if (task % 2 != 0) return;
      ++begun;
      while (begun < kThreads) std::this_thread::yield();  // so that each thread has begun with one
    });
    EXPECT_EQ(first, (std::vector<int64_t>{0, 2, 4}));
  }
}

TEST(ThreadPool, TasksOfAThreadThatIsHeldUpAreTakenByOthers) {
  ThreadPool pool(2);
  std::atomic<int> others = 0;
  pool.ParallelFor(10, [&](int64_t i) {
    if (i != 5) {
      ++others;
      return;
    }
    while (others < 9) std::this_thread::yield();  // 6 to 9 are of the same part
  });
  EXPECT_EQ(others, 9);
}

TEST(ThreadPool, ARegionInsideATaskRunsInThatTask) {
  ThreadPool pool(2);
  std::atomic<int> inner = 0;
  pool.ParallelFor(4, [&](int64_t) {
    const std::thread::id outer_thread = std::this_thread::get_id();
    pool.ParallelForThread(3, [&](int64_t, int thread) {
      EXPECT_EQ(std::this_thread::get_id(), outer_thread);
      EXPECT_EQ(thread, 0) << "counted anew";
      ++inner;
    });
  });
  EXPECT_EQ(inner, 12);
}

// As one picture's inference does: a group of pictures is a task, and a single group is split within its ops.
TEST(ThreadPool, ARegionInsideATaskThatIsAloneHasAllThreads) {
  ThreadPool pool(2);
  std::atomic<int> running = 0;
  pool.ParallelFor(1, [&](int64_t) {
    pool.ParallelFor(2, [&](int64_t) {
      ++running;
      while (running < 2) std::this_thread::yield();  // for the other task, which another thread must run
    });
  });
  EXPECT_EQ(running, 2);
}

TEST(ThreadPool, CallersOnSeveralThreadsShareOnePool) {
  ThreadPool pool(3);
  constexpr int kCallers = 8, kRegions = 500, kTasks = 10;
  std::vector<int64_t> sums(kCallers);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller)
    callers.emplace_back([&, caller] {
      for (int region = 0; region < kRegions; ++region) {
        // Memory of the call's: nobody else's thread 0, 1 or 2 may be seen in it.
        std::vector<int64_t> by_thread(pool.threads());
        pool.ParallelForThread(kTasks, [&](int64_t i, int thread) { by_thread[thread] += i + caller; });
        for (const int64_t sum : by_thread) sums[caller] += sum;
      }
    });
  for (std::thread& caller : callers) caller.join();
  for (int caller = 0; caller < kCallers; ++caller)
    EXPECT_EQ(sums[caller], kRegions * (kTasks * (kTasks - 1) / 2 + kTasks * caller)) << caller;
}

TEST(ThreadPool, PoolsThatCallOneAnotherDoNotLockUp) {
  ThreadPool a(2), b(2);
  std::atomic<int> runs = 0;
  const auto nested = [&](ThreadPool& outer, ThreadPool& inner) {
    for (int region = 0; region < 200; ++region)
      outer.ParallelFor(
          2, [&](int64_t) { inner.ParallelFor(2, [&](int64_t) { outer.ParallelFor(2, [&](int64_t) { ++runs; }); }); });
  };
  std::thread other([&] { nested(a, b); });
  nested(b, a);
  other.join();
  EXPECT_EQ(runs, 2 * 200 * 8);
}

// Sanitizers reserve address space without end, which the limit of this test would forbid.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(ThreadPool, WorksWithTheThreadsThatTheSystemStarts) {
  int64_t pages = 0;
  ASSERT_TRUE(std::ifstream("/proc/self/statm") >> pages);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  // Room for the stacks of a few threads, and not of 200.
  rlimit limit = before;
  limit.rlim_cur = pages * sysconf(_SC_PAGESIZE) + (rlim_t{100} << 20);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  ThreadPool pool(200);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);

  EXPECT_GE(pool.threads(), 1);
  EXPECT_LT(pool.threads(), 200);
  const Status started = pool.Started();
  EXPECT_EQ(started.code(), ErrorCode::kUnavailable);
  EXPECT_NE(started.message().find("200 threads were asked for"), std::string::npos) << started.message();
  EXPECT_NE(started.message().find("lower --threads"), std::string::npos) << started.message();
  std::vector<std::atomic<int>> runs(1000);
  pool.ParallelFor(1000, [&](int64_t i) { ++runs[i]; });
  for (auto& r : runs) EXPECT_EQ(r, 1);
}
#endif

TEST(Threads, TheDefaultIsWhatTheProcessMayUse) { EXPECT_GE(UsableCores(), 1); }

TEST(Threads, AProcessThatSharesItsHostUsesItsShareOfTheCores) {
  const int all = UsableCores();
  LimitUsableCores(1);
  EXPECT_EQ(UsableCores(), 1);
  LimitUsableCores(all + 1);
  EXPECT_EQ(UsableCores(), all);
}

}  // namespace
}  // namespace riffle
