// The emulation of kernels finds what it is there to find; and what kernels are made of (kernel.h) is right in it.
#include "backend/cuda/testing/emulation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "backend/cuda/kernel.h"
#include "backend/testing/execution.h"
#include "backend/testing/guarded_device.h"
#include "backend/testing/host_copy.h"

namespace riffle::emulated {
namespace {

using ::testing::Each;

constexpr int kThreadsOfBlock = 96;  // three warps

// kernel(shared, thread) in each thread of a block, whose shared memory is an array of floats.
template <class F>
struct OneBlock {
  static constexpr int kThreads = kThreadsOfBlock;
  struct Shared {
    float values[kThreadsOfBlock];
  };
  F kernel;
  void operator()(Shared& shared) const { kernel(shared.values, BlockThread()); }
};

template <class F>
void RunOneBlock(Order order, const F& kernel) {
  SetOrder(order);
  Launch(OnThreads(), {1}, OneBlock<F>{kernel});
  SetOrder(Order::kForward);
}

// What each thread has written to its place.
template <class F>
std::vector<float> ResultsOfBlock(Order order, const F& result) {
  std::vector<float> results(kThreadsOfBlock, -1);
  RunOneBlock(order, [&](float* shared, int t) { results[t] = result(shared, t); });
  return results;
}

// Hands each thread's number to the one before, the last one's to none.
float FromTheNext(float* shared, int t, bool with_barrier) {
  shared[t] = t;
  if (with_barrier) __syncthreads();
  return t + 1 < kThreadsOfBlock ? shared[t + 1] : 0;
}

TEST(Emulation, ABarrierThatIsThereGivesTheSameInBothOrders) {
  std::vector<float> expected(kThreadsOfBlock, 0);
  std::iota(expected.begin(), expected.end() - 1, 1);
  for (const Order order : {Order::kForward, Order::kReverse})
    EXPECT_EQ(ResultsOfBlock(order, [](float* shared, int t) { return FromTheNext(shared, t, true); }), expected);
}

TEST(Emulation, ABarrierThatIsMissingGivesOtherResultsInOneOfTheOrders) {
  const auto missing = [](float* shared, int t) { return FromTheNext(shared, t, false); };
  EXPECT_TRUE(std::isnan(ResultsOfBlock(Order::kForward, missing)[0]));
  EXPECT_EQ(ResultsOfBlock(Order::kReverse, missing)[0], 1);
}

TEST(Emulation, ABarrierOfWarpsIsNoneOfTheBlock) {
  // The neighbour of a warp's last thread is in another warp.
  const auto too_weak = [](float* shared, int t) {
    shared[t] = t;
    __syncwarp();
    return t + 1 < kThreadsOfBlock ? shared[t + 1] : 0;
  };
  const std::vector<float> results = ResultsOfBlock(Order::kForward, too_weak);
  EXPECT_EQ(results[30], 31);
  EXPECT_TRUE(std::isnan(results[31]));
}

// The first thread of each block tells what it finds there, and leaves something.
struct TakeSharedMemory {
  static constexpr int kThreads = 32;
  struct Shared {
    float value;
  };
  float* found;
  void operator()(Shared& shared) const {
    if (BlockThread() > 0) return;
    found[blockIdx.x] = shared.value;
    shared.value = 1;
  }
};

TEST(Emulation, SharedMemoryBeginsAsNaNInEachBlock) {
  std::vector<float> found(3);
  Launch(OnThreads(), {3}, TakeSharedMemory{found.data()});
  EXPECT_THAT(found, Each(testing::IsNan()));
}

TEST(Emulation, ScratchMemoryBeginsAsNaN) {
  auto* const scratch = Scratch<float>(OnThreads(), 100);
  EXPECT_THAT(std::vector<float>(scratch, scratch + 100), Each(testing::IsNan()));
}

struct CountCalls {
  static constexpr int kThreads = 64;
  struct Shared {};
  int* calls;
  void operator()(Shared&) const {
    const size_t block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    ++calls[block * kThreads + static_cast<size_t>(32 * Warp() + Lane())];
  }
};

TEST(Emulation, EachThreadOfEachBlockRunsOnceAndKnowsItsPlace) {
  std::vector<int> calls(size_t{2} * 3 * 4 * 64);
  Launch(OnThreads(), {2, 3, 4}, CountCalls{calls.data()});
  EXPECT_THAT(calls, Each(1));
}

struct NeverCalled {
  static constexpr int kThreads = 32;
  struct Shared {};
  void operator()(Shared&) const { ADD_FAILURE(); }
};

TEST(Emulation, AGridOfNoBlocksIsNothingToDo) { Launch(OnThreads(), {5, 0}, NeverCalled{}); }

TEST(Emulation, ForEachTakesEachNumberOnce) {
  for (const int64_t count : {0, 1, 255, 256, 257, 132 * 16 * 256 + 1000}) {
    std::vector<int> calls(static_cast<size_t>(count));
    ForEach(OnThreads(), count, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    EXPECT_THAT(calls, Each(1)) << count;
  }
}

TEST(Emulation, ShufflesTakeTheOtherLanesValue) {
  for (const Order order : {Order::kForward, Order::kReverse}) {
    const auto partner = ResultsOfBlock(order, [](float*, int t) { return __shfl_xor_sync(~0u, float(t), 5); });
    const auto fourth = ResultsOfBlock(order, [](float*, int t) { return __shfl_sync(~0u, float(t), 4); });
    const auto below = ResultsOfBlock(order, [](float*, int t) { return __shfl_down_sync(~0u, float(t), 3); });
    for (int t = 0; t < kThreadsOfBlock; ++t) {
      EXPECT_EQ(partner[t], t ^ 5);
      EXPECT_EQ(fourth[t], t / 32 * 32 + 4);
      EXPECT_EQ(below[t], t % 32 < 29 ? t + 3 : t) << "beyond the warp: its own";
    }
  }
}

struct Reductions {
  static constexpr int kThreads = kThreadsOfBlock;
  using Shared = BlockSums<double, kThreads>;
  double *of_warp, *of_block, *twice, *greatest;
  void operator()(Shared& sums) const {
    const int t = BlockThread();
    of_warp[t] = WarpSum(double(t));
    of_block[t] = BlockSum(double(t), sums);
    twice[t] = BlockSum(2.0 * t, sums);  // the same memory again
    greatest[t] = BlockMax(double(t % 70), sums);
  }
};

TEST(Emulation, SumsAndGreatestOfWarpsAndBlocksReachAllTheirThreads) {
  const double whole = (kThreadsOfBlock - 1) * kThreadsOfBlock / 2.0;
  for (const Order order : {Order::kForward, Order::kReverse}) {
    std::vector<double> of_warp(kThreadsOfBlock), of_block = of_warp, twice = of_warp, greatest = of_warp;
    SetOrder(order);
    Launch(OnThreads(), {1}, Reductions{of_warp.data(), of_block.data(), twice.data(), greatest.data()});
    SetOrder(Order::kForward);
    for (int w = 0; w < 3; ++w) EXPECT_EQ(of_warp[32 * w + 7], 32 * 32 * w + 31 * 32 / 2);
    EXPECT_THAT(of_block, Each(whole));
    EXPECT_THAT(twice, Each(2 * whole));
    EXPECT_THAT(greatest, Each(69));
  }
}

struct AddOne {
  static constexpr int kThreads = 1;
  struct Shared {};
  float *value, *scratch;
  void operator()(Shared&) const {
    *scratch = *value + 1;
    *value = *scratch;
  }
};

TEST(Emulation, WhatIsLaunchedWithinARecordingRunsWheneverThatIsEnqueued) {
  GuardedDevice device(true);
  const Execution execution = {OnThreads().pool, device};
  const auto add = [&](DeviceArray<float>& value) {
    Launch(execution, {1}, AddOne{value.data(), Scratch<float>(execution, 1)});
  };
  DeviceArray<float> value(device, 1);
  add(value);
  EXPECT_EQ(HostCopy(value)[0], 1);
  ASSERT_TRUE(device.BeginRecording());
  add(value);
  add(value);
  const std::unique_ptr<Recording> recording = device.EndRecording();
  EXPECT_EQ(HostCopy(value)[0], 1) << "noted, and not done";
  (void)Scratch<float>(execution, 1000);  // others may have theirs meanwhile
  for (const float expected : {3, 5}) {
    recording->Enqueue();
    EXPECT_EQ(HostCopy(value)[0], expected);
  }
}

TEST(EmulationDeathTest, TellsOfABarrierThatNotAllThreadsReach) {
  const auto apart = [](float*, int t) {
    if (t == 40)
      __syncwarp();
    else
      __syncthreads();
  };
  EXPECT_DEATH(RunOneBlock(Order::kForward, apart), "some threads of a block wait where others do not come");
}

TEST(EmulationDeathTest, TellsOfAShuffleThatNotAllLanesReach) {
  const auto apart = [](float*, int t) {
    if (t % 2 == 0) WarpSum(1.0f);
    __syncthreads();
  };
  EXPECT_DEATH(RunOneBlock(Order::kForward, apart), "some threads of a block wait where others do not come");
}

TEST(EmulationDeathTest, TellsOfAnAccessOfSeveralWordsThatIsNotAligned) {
  const auto crooked = [](float* shared, int) { StoreWords<4>(shared, LoadWords<4>(shared + 2)); };
  EXPECT_DEATH(RunOneBlock(Order::kForward, crooked), "memory was read or written that is not aligned");
}

TEST(EmulationDeathTest, EndsAtAWriteBehindSharedMemory) {
  const auto beyond = [](float* shared, int t) { shared[t + 1] = 0; };
  EXPECT_DEATH(RunOneBlock(Order::kForward, beyond), "");
}

}  // namespace
}  // namespace riffle::emulated
