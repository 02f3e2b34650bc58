// What formulas need that are written once for float, double and std::complex<double>.
#pragma once

#include <cmath>
#include <complex>

namespace riffle {

/// Square root of float, double and std::complex<double>.
using std::sqrt;

template <class T>
constexpr T RealPart(T x) {
  return x;
}
template <class T>
constexpr T RealPart(std::complex<T> x) {
  return x.real();
}

}  // namespace riffle
