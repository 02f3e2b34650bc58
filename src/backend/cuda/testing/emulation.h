// Kernels (kernel.h) without a card, for tests: the threads of a block run one after another as fibers, which give way
// where they wait for each other. What CUDA leaves open is chosen against the kernel: shared memory begins as NaN, the
// order of the warps can be turned round, and what is written behind shared memory is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#include "backend/execution.h"

namespace riffle::emulated {

struct Index3 {
  unsigned x = 1, y = 1, z = 1;
};

/// In which order blocks run, the warps of a block, each as far as it comes without the others, and the threads of a
/// warp. A kernel that lacks a barrier gives other results in one order than in another.
enum class Order { kForward, kReverse };
void SetOrder(Order order);

/// Where the thread is that runs now.
extern thread_local Index3 threadIdx, blockIdx, gridDim;

/// Calls thread(shared memory of its block) for each thread of each block. Aborts, with a line that says why, if some
/// threads of a block wait where others have ended or wait elsewhere, or if memory behind `shared_bytes` was written:
/// this is test equipment.
void RunBlocks(Index3 grid, int threads, size_t shared_bytes, const std::function<void(void*)>& thread);

/// Memory for what kernels hand to the next ones: of these bytes and no more, NaN at first. Valid until the next call.
void* ScratchOf(const Execution& execution, size_t bytes);

/// The barriers.
void __syncthreads();
void __syncwarp(unsigned mask = ~0u);

/// Gives each lane of the warp the value of another; all lanes of the mask come here together.
uint64_t ExchangeInWarp(uint64_t value, int from_lane);
int LaneOfThread();

template <class T>
T FromLane(T value, int lane) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = ExchangeInWarp(bits, lane);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return FromLane(value, LaneOfThread() ^ mask);
}
template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  return FromLane(value, lane);
}
template <class T>
T __shfl_down_sync(unsigned, T value, int by) {
  const int lane = LaneOfThread() + by;
  return FromLane(value, lane < 32 ? lane : LaneOfThread());
}

}  // namespace riffle::emulated
