#include "base/random.h"

#include <cmath>
#include <numbers>

namespace riffle {

std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return c;
}

uint32_t RandomStream::Bits() {
  if (used_ == 4) {
    block_ = Philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

double RandomStream::Uniform() {
  const uint64_t high = Bits() >> 5, low = Bits() >> 6;
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

uint32_t RandomStream::Below(uint32_t n) {
  // Values from the incomplete last block of n would make small results likelier; draw again.
  const uint32_t limit = UINT32_MAX - UINT32_MAX % n;
  for (uint32_t bits; true;)
    if ((bits = Bits()) < limit) return bits % n;
}

double RandomStream::Normal() {
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
  return radius * std::cos(2 * std::numbers::pi * Uniform());
}

// The logarithm of a number from the gamma distribution of scale 1 (Marsaglia and Tsang, "A simple method for
// generating gamma variables", 2000). A logarithm, because with a small shape nearly all numbers are too small for a
// double.
double RandomStream::LogGamma(double shape) {
  if (shape < 1) {
    const double larger = LogGamma(shape + 1);
    return larger + std::log(1 - Uniform()) / shape;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = Normal(), v = std::pow(1 + c * x, 3), u = 1 - Uniform();
    if (v > 0 && std::log(u) < x * x / 2 + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

double RandomStream::Beta(double a, double b) {
  const double first = LogGamma(a), second = LogGamma(b);
  return 1 / (1 + std::exp(second - first));
}

}  // namespace riffle
