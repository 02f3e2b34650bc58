// Random numbers as a function of their place: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011). No generator has a history: whoever knows (seed, purpose, epoch, index) draws the same numbers, on any
// thread, before or after a resume.
#pragma once

#include <array>
#include <cstdint>

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
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// The random numbers of one thing: one sample in one epoch, one parameter, one permutation. Copyable; not shared
/// between threads.
class RandomStream {
 public:
  /// `version`, below 2^24, tells apart what is drawn for one thing more than once in an epoch.
  RandomStream(uint64_t seed, RandomPurpose purpose, uint32_t epoch, uint32_t index, uint32_t version = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, index, epoch, static_cast<uint32_t>(purpose) | version << 8} {}

  uint32_t Bits();   ///< uniform in [0, 2^32)
  double Uniform();  ///< uniform in [0, 1), 53 bits
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  uint32_t Below(uint32_t n);  ///< uniform in [0, n), unbiased. REQUIRES: n > 0
  double Normal();             ///< mean 0, standard deviation 1 (Box-Muller)
  bool Chance(double probability) { return Uniform() < probability; }
  /// From the beta distribution, in [0, 1] (ends are reached where a and b are small). REQUIRES: a, b > 0
  double Beta(double a, double b);

 private:
  double LogGamma(double shape);

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace riffle
