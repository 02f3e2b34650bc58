// Kernels (kernel.h) without a card, for tests: the threads of a block run one after another as fibers, which give way
// where they wait for each other. What CUDA leaves open is chosen against the kernel: shared memory begins as NaN, the
// order of the warps can be turned round, and what is written behind shared memory is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "backend/cuda/card.h"
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
extern constinit thread_local Index3 threadIdx, blockIdx, gridDim;

/// Calls thread(shared memory of its block) for each thread of each block. Aborts, with a line that says why, if some
/// threads of a block wait where others have ended or wait elsewhere, or if memory just behind `shared_bytes` was
/// written; what is read or written farther away ends it, too: this is test equipment.
void RunBlocks(Index3 grid, int threads, size_t shared_bytes, const std::function<void(void*)>& thread);

/// Notes what this thread runs, as long as it lives; one at a time.
class LaunchLog {
 public:
  struct Launch {
    int64_t blocks = 0;
    int threads = 0;
    int64_t shared_bytes = 0;
    bool operator==(const Launch&) const = default;
  };
  LaunchLog();
  ~LaunchLog();
  LaunchLog(const LaunchLog&) = delete;
  LaunchLog& operator=(const LaunchLog&) = delete;

  std::vector<Launch> launches;
};

/// Runs a kernel now, or where the execution's device is a GuardedDevice that records, whenever that is enqueued.
void Enqueue(const Execution& execution, const std::function<void()>& kernel);

/// Memory for what kernels hand to the next ones: of these bytes and no more, NaN at first. Valid until the next call,
/// and as long as what is recorded now.
void* ScratchOf(const Execution& execution, size_t bytes);

/// Bytes of shared memory that a block can have.
inline int64_t MostSharedBytes(const Execution&) { return LargeCard::kSharedOfBlock; }

/// Aborts if an address is not aligned to `bytes`, as what is read or written at once must be on a card.
void CheckAligned(const void* address, size_t bytes);

/// The barriers.
void __syncthreads();
void __syncwarp(unsigned mask = ~0u);

/// Shows the other lanes of the warp a value, and what they have shown; all lanes come here together. The values stay
/// until the next barrier.
void ShowInWarp(const void* value);
const void* ShownByLane(int lane);
int LaneOfThread();

/// Calls use(of_lane), where of_lane(l) is what lane l came here with.
template <class T, class F>
void WithWarp(const T& mine, const F& use) {
  ShowInWarp(&mine);
  use([](int lane) -> const T& { return *static_cast<const T*>(ShownByLane(lane)); });
  __syncwarp();
}

template <class T>
T FromLane(T value, int lane) {
  T result;
  WithWarp(value, [&](auto of_lane) { result = of_lane(lane); });
  return result;
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
