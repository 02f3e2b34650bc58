// What tensor cores do with floats, for kernels: factors are rounded to TF32, which has the range of float and ten bits
// behind the first; sums are float. Each lane holds (compute capability 8.0; PTX, "Matrix Fragments for
// mma.m16n8k8"), with q = lane / 4 and r = lane % 4, of
//   A (16 by 8, rows of M)      a[0], a[1]: row q, row q + 8 of column r;   a[2], a[3]: of column r + 4
//   B (8 by 8, columns of N)    b0, b1: rows r and r + 4 of column q
//   C (16 by 8)                 c[0], c[1]: row q of columns 2r, 2r + 1;    c[2], c[3]: row q + 8
#pragma once

#include <bit>
#include <cstdint>

#include "backend/cuda/kernel.h"

namespace riffle::RIFFLE_GPU {

/// To the nearest of TF32, ties away from zero.
RIFFLE_KERNEL float RoundedToTf32(float value) {
#ifdef __CUDACC__
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return __uint_as_float(bits);
#else
  if (value != value) return value;
  return std::bit_cast<float>((std::bit_cast<uint32_t>(value) + 0x1000) & 0xFFFFE000);
#endif
}

/// c += a·b, of rounded factors: what lies behind their ten bits is not read. All lanes come here together.
RIFFLE_KERNEL void MultiplyAddTf32(float (&c)[4], const float (&a)[4], float b0, float b1) {
#ifdef __CUDACC__
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
        "r"(__float_as_uint(b0)), "r"(__float_as_uint(b1)));
#else
  struct Fragments {
    float a[4], b[2];
  };
  const Fragments mine = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  WithWarp(mine, [&](auto of_lane) {
    const auto read = [](float value) { return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xFFFFE000); };
    for (int i = 0; i < 4; ++i) {
      const int row = Lane() / 4, column = Lane() % 4 * 2 + i % 2;
      for (int k = 0; k < 8; ++k)
        c[i] += read(of_lane(row * 4 + k % 4).a[i / 2 + k / 4 * 2]) * read(of_lane(column * 4 + k % 4).b[k / 4]);
    }
  });
#endif
}

}  // namespace riffle::RIFFLE_GPU
