// What the reference ops share: activations, gradients and row sums, written as common.h defines them.
// T may be complex: then a ReLU branches on the real part, so that the imaginary part carries an exact derivative
// (complex-step differentiation: Squire and Trapp, SIAM Review 40, 1998).
#pragma once

#include <vector>

#include "backend/execution.h"
#include "ops/common.h"
#include "ops/scalar.h"

namespace riffle {

/// Whether a ReLU is on at x.
template <class T>
bool Positive(T x) {
  return RealPart(x) > 0;
}

/// log(1 + exp(x)), of which exp(−Softplus(−x)) is the sigmoid; no exponential overflows.
template <class T>
T Softplus(T x) {
  using std::exp, std::log;
  return Positive(x) ? x + log(T(1) + exp(-x)) : log(T(1) + exp(x));
}

/// max(0, x); a NaN stays a NaN.
template <class T>
T Relu(T x) {
  return RealPart(x) < 0 ? T(0) : x;
}

/// What the value x stored in this row stands for, before its ReLU.
template <class T>
T BeforeRelu(const Activation<T>& in, int64_t row, T x) {
  return in.scale ? in.scale[row] * x + in.shift[row] : x;
}

/// What the value x stored in this row stands for.
template <class T>
T Activate(const Activation<T>& in, int64_t row, T x) {
  const T z = BeforeRelu(in, row, x);
  return in.relu ? Relu(z) : z;
}

/// The gradient of z = BeforeRelu(x) from that of Activate(x).
template <class T>
T MaskGradient(const Activation<T>& in, int64_t row, T x, T gradient) {
  return in.relu && !Positive(BeforeRelu(in, row, x)) ? T(0) : gradient;
}

/// The gradient of the raw value at (row, p).
template <class T>
T RawGradient(const GradientSource<T>& dy, int64_t row, int64_t p) {
  if (!dy.pull_back) return dy.dz[row][p];
  const PullBack<T>& k = dy.pull_back[row];
  return dy.dz[row][p] * k.dz_factor + dy.raw[row][p] * k.raw_factor + k.constant;
}

template <class T>
Moments<T> RowMoments(const T* row, int64_t pixels) {
  T sum = 0, squares = 0;
  for (int64_t p = 0; p < pixels; ++p) sum += row[p];
  const T mean = sum / T(pixels);
  for (int64_t p = 0; p < pixels; ++p) squares += (row[p] - mean) * (row[p] - mean);
  return {mean, squares / T(pixels)};
}

template <class T>
GradientSums<T> RowSums(const T* dz, const T* raw, const Moments<T>& moments, int64_t pixels) {
  GradientSums<T> sums{};
  for (int64_t p = 0; p < pixels; ++p) {
    sums.dz += dz[p];
    sums.dz_centred += dz[p] * (raw[p] - moments.mean);
  }
  return sums;
}

/// Gathers the sums of one row that has been stored, where the sink wants them.
template <class T>
void GatherSums(const GradientSink<T>& dx, int64_t row, int64_t pixels) {
  if (dx.raw) dx.sums[row] = RowSums<T>(dx.dz[row], dx.raw[row], dx.moments[row], pixels);
}

}  // namespace riffle
