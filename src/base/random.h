// Random numbers as a function of their place: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011). No generator has a history: whoever knows (seed, purpose, epoch, index) draws the same numbers, on any
// thread, before or after a resume.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace riffle {

/// What a stream is for; two purposes never share numbers.
enum class RandomPurpose : uint32_t {
  kInitialisation = 0,
  kShuffle = 1,
  kAugmentation = 2,
  kMix = 3,
  kTest = 5,
  kReplacement = 6,
};

/// Philox4x32-10: the 128-bit counter, mixed under the 64-bit key.
constexpr std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// A normal number of mean 0 and standard deviation 1 from two that are uniform in [0, 1) (Box-Muller).
template <class T>
constexpr T StandardNormal(T first, T second) {
  return std::sqrt(-2 * std::log(1 - first)) * std::cos(2 * std::numbers::pi_v<T> * second);
}

/// The random numbers of one thing: one sample in one epoch, one parameter, one permutation. Copyable; not shared
/// between threads. What is constexpr is the same on a graphics card.
class RandomStream {
 public:
  /// `version`, below 2^24, tells apart what is drawn for one thing more than once in an epoch.
  constexpr RandomStream(uint64_t seed, RandomPurpose purpose, uint32_t epoch, uint32_t index, uint32_t version = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, index, epoch, static_cast<uint32_t>(purpose) | version << 8} {}

  /// Uniform in [0, 2^32).
  constexpr uint32_t Bits() {
    if (used_ == 4) {
      block_ = Philox(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }
  /// As so many calls of Bits() would, in the time of one.
  constexpr void Skip(uint64_t calls) {
    const uint64_t next = uint64_t{counter_[0]} * 4 - (4 - used_) + calls;
    counter_[0] = static_cast<uint32_t>(next / 4);
    used_ = 4;
    for (uint64_t i = 0; i < next % 4; ++i) Bits();
  }
  /// Uniform in [0, 1), 53 bits.
  constexpr double Uniform() {
    const uint64_t high = Bits() >> 5, low = Bits() >> 6;
    return static_cast<double>(high << 26 | low) * 0x1p-53;
  }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  uint32_t Below(uint32_t n);  ///< uniform in [0, n), unbiased. REQUIRES: n > 0
  double Normal();             ///< StandardNormal of the next two uniform numbers
  bool Chance(double probability) { return Uniform() < probability; }
  /// From the beta distribution, in [0, 1] (ends are reached where a and b are small). REQUIRES: a, b > 0
  double Beta(double a, double b);

  static constexpr uint64_t kBitsOfNormal = 4;  ///< calls of Bits() that Normal() makes

 private:
  double LogGamma(double shape);

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace riffle
