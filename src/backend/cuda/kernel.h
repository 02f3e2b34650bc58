// What kernels for graphics cards are written in, and how they are launched. The same sources (*.cu) are compiled
// twice: by nvcc for cards, and by the ordinary compiler for tests, where the threads of a block run as fibers
// (testing/emulation.h). A kernel is a struct: its members are the arguments, kThreads the threads of a block, Shared
// what lies in a block's shared memory.
//
//   struct Scale {
//     static constexpr int kThreads = 256;
//     struct Shared {};
//     float* y;
//     const float* x;
//     RIFFLE_KERNEL void operator()(Shared&) const { y[BlockThread()] = 2 * x[BlockThread()]; }
//   };
//   Launch(execution, Grid{blocks}, Scale{y, x});
//
// A kernel whose shared memory depends on its arguments has `int64_t SharedBytes() const`, and unsigned char as Shared,
// which is the first of those bytes.
// One whose blocks have a number of threads that depends on its arguments has `int Threads() const`; kThreads is the
// most. A kernel that lives on many threads has kBlocksAtOnce, too: so many blocks shall run on a multiprocessor at
// once, with no more registers each than that leaves them.
//
// In kernels threadIdx, blockIdx and gridDim, __syncthreads(), __syncwarp() and __shfl_*_sync() are what CUDA makes of
// them. Sums are added up in an order that follows from shapes alone, so that results have the same bits in every run.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "backend/cuda/card.h"
#include "backend/execution.h"

#ifdef __CUDACC__
#include <cuda_runtime.h>

#include "backend/cuda/device_stream.h"
/// The namespace of what is compiled from the sources of kernels: there are two of each in a program that tests both.
#define RIFFLE_GPU cuda
#define RIFFLE_KERNEL __device__ __forceinline__
#define RIFFLE_SHARED_CODE __host__ __device__ __forceinline__
/// Before a loop: its passes become lines of their own, so that arrays that it indexes can be registers.
#define RIFFLE_UNROLL _Pragma("unroll")
/// The opposite, where registers are scarce and passes few.
#define RIFFLE_NO_UNROLL _Pragma("unroll 1")
#else
#include "backend/cuda/testing/emulation.h"
#define RIFFLE_GPU emulated
#define RIFFLE_KERNEL inline
#define RIFFLE_SHARED_CODE inline
#define RIFFLE_UNROLL
#define RIFFLE_NO_UNROLL
#endif

namespace riffle::RIFFLE_GPU {

/// Blocks of a launch.
struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

/// `count` values of scratch memory (ScratchOf): what kernels hand to the next ones of the same op.
template <class T>
T* Scratch(const Execution& execution, int64_t count) {
  return static_cast<T*>(ScratchOf(execution, static_cast<size_t>(count) * sizeof(T)));
}

/// Bytes of a block's shared memory.
template <class Kernel>
size_t SharedBytesOf(const Kernel& kernel) {
  if constexpr (requires { kernel.SharedBytes(); })
    return static_cast<size_t>(kernel.SharedBytes());
  else
    return sizeof(typename Kernel::Shared);
}

/// Threads of a block.
template <class Kernel>
int ThreadsOf(const Kernel& kernel) {
  if constexpr (requires { kernel.Threads(); })
    return kernel.Threads();
  else
    return Kernel::kThreads;
}

#ifdef __CUDACC__

template <class Kernel>
constexpr int BlocksAtOnce() {
  if constexpr (requires { Kernel::kBlocksAtOnce; })
    return Kernel::kBlocksAtOnce;
  else
    return 1;
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, BlocksAtOnce<Kernel>()) Run(const Kernel kernel) {
  extern __shared__ __align__(16) unsigned char shared[];
  kernel(*reinterpret_cast<typename Kernel::Shared*>(shared));
}

/// Enqueues a kernel; a grid of no blocks is nothing to do.
template <class Kernel>
void Launch(const Execution& execution, Grid grid, const Kernel& kernel) {
  if (grid.x * grid.y * grid.z == 0) return;
  const size_t bytes = SharedBytesOf(kernel);
  if (bytes > 48 * 1024) {
    // More than every card has must be asked for, on each card anew.
    cudaFuncSetAttribute(Run<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  }
  const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
  Run<<<blocks, ThreadsOf(kernel), bytes, StreamOf(execution)>>>(kernel);
  CheckLaunch(execution);
}

#else

/// Runs a kernel, block by block; a grid of no blocks is nothing to do.
template <class Kernel>
void Launch(const Execution& execution, Grid grid, const Kernel& kernel) {
  using Shared = typename Kernel::Shared;
  Enqueue(execution, [=] {
    RunBlocks({static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z)},
              ThreadsOf(kernel), SharedBytesOf(kernel), [&](void* shared) { kernel(*static_cast<Shared*>(shared)); });
  });
}

#endif

/// The number of this thread in its block, and in its warp.
RIFFLE_KERNEL int BlockThread() { return static_cast<int>(threadIdx.x); }
RIFFLE_KERNEL int Lane() { return BlockThread() % kWarp; }
RIFFLE_KERNEL int Warp() { return BlockThread() / kWarp; }

/// Memory of 4·kCount bytes, aligned to as many, that is read and written at once: kCount is 1, 2 or 4.
template <int kCount>
struct Words {
  static constexpr int kWords = kCount;
  uint32_t v[kCount];
};

template <int kCount>
RIFFLE_KERNEL Words<kCount> LoadWords(const void* memory);
template <int kCount>
RIFFLE_KERNEL void StoreWords(void* memory, const Words<kCount>& words);

/// Not to shared memory. The compiler would take StoreWords to a map to pieces.
template <int kCount>
RIFFLE_KERNEL void StoreWordsToMap(void* memory, const Words<kCount>& words);

#ifdef __CUDACC__

template <int kCount>
using PackedWords = std::conditional_t<kCount == 4, uint4, std::conditional_t<kCount == 2, uint2, uint1>>;

template <int kCount>
RIFFLE_KERNEL Words<kCount> LoadWords(const void* memory) {
  return std::bit_cast<Words<kCount>>(*static_cast<const PackedWords<kCount>*>(memory));
}
template <int kCount>
RIFFLE_KERNEL void StoreWords(void* memory, const Words<kCount>& words) {
  *static_cast<PackedWords<kCount>*>(memory) = std::bit_cast<PackedWords<kCount>>(words);
}
template <int kCount>
RIFFLE_KERNEL void StoreWordsToMap(void* memory, const Words<kCount>& words) {
  const uint32_t* v = words.v;
  if constexpr (kCount == 4)
    asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(memory), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3])
                 : "memory");
  else if constexpr (kCount == 2)
    asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(memory), "r"(v[0]), "r"(v[1]) : "memory");
  else
    asm volatile("st.global.b32 [%0], %1;" ::"l"(memory), "r"(v[0]) : "memory");
}

#else

template <int kCount>
Words<kCount> LoadWords(const void* memory) {
  Words<kCount> words;
  CheckAligned(memory, sizeof(words));
  std::memcpy(&words, memory, sizeof(words));
  return words;
}
template <int kCount>
void StoreWords(void* memory, const Words<kCount>& words) {
  CheckAligned(memory, sizeof(words));
  std::memcpy(memory, &words, sizeof(words));
}
template <int kCount>
void StoreWordsToMap(void* memory, const Words<kCount>& words) {
  StoreWords(memory, words);
}

#endif

/// Calls f(i) for each i in [0, count), each in a thread of its own or several one after the other.
template <class F>
struct ForEachKernel {
  static constexpr int kThreads = 256;
  struct Shared {};
  int64_t count;
  F f;
  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t step = int64_t{gridDim.x} * kThreads;
    for (int64_t i = int64_t{blockIdx.x} * kThreads + BlockThread(); i < count; i += step) f(i);
  }
};

/// f is `[=] RIFFLE_LAMBDA(int64_t i) { … }`, in a function that is neither a member nor nameless.
template <class F>
void ForEach(const Execution& execution, int64_t count, const F& f) {
  constexpr int64_t kMostBlocks = LargeCard::kProcessors * 16;
  const int64_t blocks = DivideUp(count, ForEachKernel<F>::kThreads);
  Launch(execution, {blocks < kMostBlocks ? blocks : kMostBlocks}, ForEachKernel<F>{count, f});
}
#ifdef __CUDACC__
#define RIFFLE_LAMBDA __device__
#else
#define RIFFLE_LAMBDA
#endif

/// What combine(a, b) makes of each lane's value, in all lanes of a warp. All its threads must come here.
template <class T, class F>
RIFFLE_KERNEL T WarpReduce(T value, const F& combine) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value = combine(value, __shfl_xor_sync(~0u, value, distance));
  return value;
}

struct Add {
  template <class T>
  RIFFLE_KERNEL T operator()(T a, T b) const {
    return a + b;
  }
};
struct Greater {
  template <class T>
  RIFFLE_KERNEL T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

/// The sum of each lane's value, in all lanes of a warp. All its threads must come here.
template <class T>
RIFFLE_KERNEL T WarpSum(T value) {
  return WarpReduce(value, Add());
}

/// Memory for the reductions of a block.
template <class T, int kThreads>
struct BlockSums {
  static_assert(kThreads % kWarp == 0);
  T of_warp[kThreads / kWarp];
};

/// What combine(a, b) makes of each thread's value, in all threads of a block. All of them must come here; `sums` may
/// be used again at once.
template <class T, int kThreads, class F>
RIFFLE_KERNEL T BlockReduce(T value, BlockSums<T, kThreads>& sums, const F& combine) {
  value = WarpReduce(value, combine);
  if (Lane() == 0) sums.of_warp[Warp()] = value;
  __syncthreads();
  T all = sums.of_warp[0];
  for (int w = 1; w < kThreads / kWarp; ++w) all = combine(all, sums.of_warp[w]);
  __syncthreads();
  return all;
}
template <class T, int kThreads>
RIFFLE_KERNEL T BlockSum(T value, BlockSums<T, kThreads>& sums) {
  return BlockReduce(value, sums, Add());
}
template <class T, int kThreads>
RIFFLE_KERNEL T BlockMax(T value, BlockSums<T, kThreads>& sums) {
  return BlockReduce(value, sums, Greater());
}

}  // namespace riffle::RIFFLE_GPU
