#include "base/random.h"

#include <cmath>

namespace riffle {

uint32_t RandomStream::Below(uint32_t n) {
  // Values from the incomplete last block of n would make small results likelier; draw again.
  const uint32_t limit = UINT32_MAX - UINT32_MAX % n;
  for (uint32_t bits; true;)
    if ((bits = Bits()) < limit) return bits % n;
}

double RandomStream::Normal() {
  const double first = Uniform();
  return StandardNormal(first, Uniform());
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
