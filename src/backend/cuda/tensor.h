// What tensor cores do, for kernels: a warp multiplies matrices of bfloat16 and adds up in float. Each lane holds
// fragments of them in registers, two values in each (compute capability 8.0; PTX, "Warp Level Matrix Instructions").
// With q = lane / 4 and r = lane % 4 · 2, a lane holds of
//   A (16 by 16, rows of M)     a[0], a[1]: row q, row q + 8 of columns r, r + 1;   a[2], a[3]: of columns r + 8, r + 9
//   B (16 by 8, columns of N)   b[0], b[1]: rows r, r + 1 and r + 8, r + 9 of column q
//   C (16 by 8, float)          c[0], c[1]: row q of columns r, r + 1;              c[2], c[3]: row q + 8
#pragma once

#include <bit>
#include <cstdint>

#ifndef __CUDACC__
#include <cstring>
#include <vector>
#endif

#include "backend/cuda/kernel.h"
#include "base/bfloat16.h"

namespace riffle::RIFFLE_GPU {

/// Two values, rounded to bfloat16; `first` in the lower half.
RIFFLE_KERNEL uint32_t PackPair(float first, float second) {
#ifdef __CUDACC__
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  return Bfloat16(first).bits | uint32_t{Bfloat16(second).bits} << 16;
#endif
}

/// The two values.
RIFFLE_KERNEL float FirstOfPair(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
RIFFLE_KERNEL float SecondOfPair(uint32_t pair) { return std::bit_cast<float>(pair & 0xFFFF0000); }

/// Four matrices of 8 by 8 from shared memory. Lane l passes where row l % 8 of matrix l / 8 begins, which is aligned
/// to 16 bytes; m[i] is, of matrix i, row lane / 4 of columns lane % 4 · 2 and the next. All lanes come here together.
RIFFLE_KERNEL void LoadMatrices(uint32_t (&m)[4], const Bfloat16* row);

/// The same of the transposed matrices: m[i] is column lane / 4 of rows lane % 4 · 2 and the next.
RIFFLE_KERNEL void LoadTransposedMatrices(uint32_t (&m)[4], const Bfloat16* row);

/// c += a·b. All lanes come here together.
RIFFLE_KERNEL void MultiplyAdd(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);

/// Copies to shared memory that go on while the thread does. Other threads see them behind Wait() and a barrier.
class AsyncCopies {
 public:
  /// 16 bytes, at addresses aligned to as many; not to be touched before Wait().
  RIFFLE_KERNEL void Copy(void* shared, const void* memory);
  /// What has been copied since the last call is a group.
  RIFFLE_KERNEL void Commit();
  /// Returns when all groups but the last kLeft are there.
  template <int kLeft>
  RIFFLE_KERNEL void Wait();

#ifndef __CUDACC__
 private:
  struct One {
    void* shared;
    const void* memory;
  };
  // Copied as late as is allowed.
  std::vector<std::vector<One>> groups_ = {{}};  // the last is not committed
#endif
};

#ifdef __CUDACC__

RIFFLE_KERNEL void AsyncCopies::Copy(void* shared, const void* memory) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(memory) : "memory");
}
RIFFLE_KERNEL void AsyncCopies::Commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kLeft>
RIFFLE_KERNEL void AsyncCopies::Wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

RIFFLE_KERNEL void LoadMatrices(uint32_t (&m)[4], const Bfloat16* row) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(address)
               : "memory");
}

RIFFLE_KERNEL void LoadTransposedMatrices(uint32_t (&m)[4], const Bfloat16* row) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(address)
               : "memory");
}

RIFFLE_KERNEL void MultiplyAdd(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#else

inline void AsyncCopies::Copy(void* shared, const void* memory) { groups_.back().push_back({shared, memory}); }
inline void AsyncCopies::Commit() { groups_.emplace_back(); }
template <int kLeft>
void AsyncCopies::Wait() {
  while (groups_.size() > kLeft + 1) {
    for (const One& one : groups_.front()) std::memcpy(one.shared, one.memory, 16);
    groups_.erase(groups_.begin());
  }
}

inline void LoadMatrices(uint32_t (&m)[4], const Bfloat16* row) {
  CheckAligned(row, 16);
  WithWarp(row, [&](auto row_of_lane) {
    for (int i = 0; i < 4; ++i) {
      const Bfloat16* values = row_of_lane(i * 8 + Lane() / 4) + Lane() % 4 * 2;
      m[i] = values[0].bits | uint32_t{values[1].bits} << 16;
    }
  });
}

inline void LoadTransposedMatrices(uint32_t (&m)[4], const Bfloat16* row) {
  CheckAligned(row, 16);
  WithWarp(row, [&](auto row_of_lane) {
    for (int i = 0; i < 4; ++i) {
      const int column = Lane() / 4, first = i * 8 + Lane() % 4 * 2;
      m[i] = row_of_lane(first)[column].bits | uint32_t{row_of_lane(first + 1)[column].bits} << 16;
    }
  });
}

inline void MultiplyAdd(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  struct Fragments {
    uint32_t a[4], b[2];
  };
  const Fragments mine = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  WithWarp(mine, [&](auto of_lane) {
    const auto half = [](uint32_t pair, int k) { return k % 2 == 0 ? FirstOfPair(pair) : SecondOfPair(pair); };
    for (int i = 0; i < 4; ++i) {
      const int row = Lane() / 4, column = Lane() % 4 * 2 + i % 2;
      for (int k = 0; k < 16; ++k) {
        const int holder = k % 8 / 2;  // of its row of A or column of B
        c[i] +=
            half(of_lane(row * 4 + holder).a[i / 2 + k / 8 * 2], k) * half(of_lane(column * 4 + holder).b[k / 8], k);
      }
    }
  });
}

#endif

}  // namespace riffle::RIFFLE_GPU
