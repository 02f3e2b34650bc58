// bfloat16: the upper half of a float, with 8 bits of mantissa. What maps hold where 16 bits are enough.
#pragma once

#include <bit>
#include <cstdint>

namespace riffle {

/// As a value of storage alone: arithmetic is done in float.
struct Bfloat16 {
  uint16_t bits = 0;

  constexpr Bfloat16() = default;
  /// Rounded to the nearest, ties to even; a NaN stays a NaN.
  constexpr explicit Bfloat16(float value) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));  // the same in one instruction
#else
    const auto whole = std::bit_cast<uint32_t>(value);
    bits = value != value ? 0x7FFF : static_cast<uint16_t>((whole + 0x7FFF + (whole >> 16 & 1)) >> 16);
#endif
  }
  constexpr explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

}  // namespace riffle
