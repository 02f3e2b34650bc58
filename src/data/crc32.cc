// The sum is the remainder of the bytes, taken as a polynomial, divided by P. A block in front of a gap of d bits is as
// good as itself · x^d mod P behind the gap: so all but the last blocks are folded into their successors with
// multiplications without carry, which instruction sets beyond the baseline have, and zlib sums up what is left.
#include "data/crc32.h"

#include <zlib.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/crc32.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::HWY_NAMESPACE {
namespace {

#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_TARGET == HWY_NEON

namespace hn = hwy::HWY_NAMESPACE;

/// x^n mod P. The lowest bit of a byte is its highest power, so a product of two polynomials comes out one bit too low:
/// the shift makes up for that.
constexpr uint64_t PowerOfX(int n) {
  uint32_t power = 0x80000000;
  for (; n > 0; --n) power = (power >> 1) ^ ((power & 1) != 0 ? 0xEDB88320 : 0);
  return uint64_t{power} << 1;
}

uint32_t Sum(const uint8_t* bytes, size_t size) {
  constexpr size_t kBlocks = 8, kBlockBytes = 16, kRoundBytes = kBlocks * kBlockBytes;  // enough to hide the latency
  constexpr int kGap = 8 * static_cast<int>(kRoundBytes);
  const uLong none = crc32_z(0, nullptr, 0);
  if (size < 2 * kRoundBytes) return static_cast<uint32_t>(crc32_z(none, bytes, size));
  const hn::FixedTag<uint64_t, 2> d;
  const hn::Repartition<uint8_t, decltype(d)> d_bytes;
  const auto block = [&](size_t at) { return hn::BitCast(d, hn::LoadU(d_bytes, bytes + at)); };
  alignas(kBlockBytes) constexpr uint64_t kPowers[2] = {PowerOfX(kGap + 32), PowerOfX(kGap - 32)};
  alignas(kBlockBytes) constexpr uint64_t kBegin[2] = {0xFFFFFFFF,
                                                       0};  // the sum begins with the first four bytes inverted
  const auto powers = hn::Load(d, kPowers);
  hn::Vec<decltype(d)> folded[kBlocks];
  for (size_t k = 0; k < kBlocks; ++k) folded[k] = block(k * kBlockBytes);
  folded[0] = hn::Xor(folded[0], hn::Load(d, kBegin));
  size_t done = kRoundBytes;
  for (; done + kRoundBytes <= size; done += kRoundBytes)
    for (size_t k = 0; k < kBlocks; ++k) {
      const auto product = hn::Xor(hn::CLMulLower(folded[k], powers), hn::CLMulUpper(folded[k], powers));
      folded[k] = hn::Xor(product, block(done + k * kBlockBytes));
    }
  alignas(kBlockBytes) uint8_t rest[kRoundBytes];
  for (size_t k = 0; k < kBlocks; ++k) hn::Store(hn::BitCast(d_bytes, folded[k]), d_bytes, rest + k * kBlockBytes);
  const uLong begun = 0xFFFFFFFF;  // zlib inverts it: from 0 on, for the inversion above is in `folded`
  return static_cast<uint32_t>(crc32_z(crc32_z(begun, rest, kRoundBytes), bytes + done, size - done));
}

#else

uint32_t Sum(const uint8_t* bytes, size_t size) {
  return static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), bytes, size));
}

#endif

}  // namespace
}  // namespace riffle::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle {

HWY_EXPORT(Sum);

uint32_t Crc32(std::span<const uint8_t> bytes) { return HWY_DYNAMIC_DISPATCH(Sum)(bytes.data(), bytes.size()); }

}  // namespace riffle
#endif
