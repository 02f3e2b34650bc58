// Proves a backward by complex-step differentiation (Squire and Trapp, SIAM Review 40, 1998): with h tiny,
// F'(x) = Im F(x + ih) / h to the last digit, since nothing is subtracted.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "backend/testing/execution.h"
#include "ops/common_ref.h"
#include "ops/op_table.h"
#include "ops/testing/map.h"

namespace riffle {

/// An input of F and where backward puts the gradient of F with respect to it.
template <class T>
struct Variable {
  std::string name;
  GuardedMap<T>* value;
  GuardedMap<T>* gradient;
};

/// A Chain<T>, made from a Case, is a differentiable function F built from ops: T Forward(), void Backward() after it,
/// and Variables(), in the same order for each T. Expects for each value of each variable
///   |gradient − F'| ≤ 1e-12 · max(1, the variable's largest |F'|),
/// some thousand roundings of a double. (Exact derivatives may be zero: a batch norm undoes what shifts its whole row.)
template <template <class> class Chain, class Case>
void ExpectGradients(const Case& c) {
  constexpr double kStep = 1e-30;
  Chain<double> real(c);
  real.Forward();
  real.Backward();
  Chain<std::complex<double>> complex(c);
  const auto gradients = real.Variables();
  const auto inputs = complex.Variables();
  double largest_of_all = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<double> derivatives;
    inputs[i].value->ForEach([&](std::complex<double>& x) {
      x.imag(kStep);
      derivatives.push_back(complex.Forward().imag() / kStep);
      x.imag(0);
    });
    double largest = 0;
    for (const double d : derivatives) largest = std::max(largest, std::abs(d));
    largest_of_all = std::max(largest_of_all, largest);
    const std::vector<double> gradient = gradients[i].gradient->Flat();
    ASSERT_EQ(gradient.size(), derivatives.size());
    for (size_t k = 0; k < gradient.size(); ++k) {
      ASSERT_NEAR(gradient[k], derivatives[k], 1e-12 * std::max(1.0, largest)) << inputs[i].name << "[" << k << "]";
    }
  }
  EXPECT_GT(largest_of_all, 0.01) << "F depends on nothing";
}

/// A raw map with the batch norm behind it, forward and backward, as a link of a chain. Parameters are permuted
/// against the rows, as after a shuffle.
template <class T, class Map = T>
struct Normalised {
  Normalised(int64_t channels, int64_t pixels, Draw& draw)
      : raw(channels, pixels, [&] { return draw.Grid(); }),
        gamma(1, channels, [&] { return draw.Real(); }),
        beta(1, channels, [&] { return draw.Real(); }),
        parameter_row(draw.Permutation(channels)),
        moments(channels),
        scale(1, channels),
        shift(1, channels),
        running(2, channels, [] { return 1.0; }),
        dz(channels, pixels),
        sums(channels),
        pull_back(channels),
        raw_gradient(channels, pixels),
        dgamma(1, channels),
        dbeta(1, channels) {}

  BatchNormShape shape() const { return {static_cast<int>(raw.row_count()), raw.pixels(), 1e-3, 0.9}; }
  Activation<T> activation(bool relu) { return {scale.data(), shift.data(), relu}; }
  GradientSink<T, Map> sink() { return {dz.rows(), {}, raw.rows(), moments.data(), sums.data()}; }
  GradientSource<T, Map> source() { return {dz.rows(), raw.rows(), pull_back.data()}; }

  /// Gathers the moments that an op would have gathered when it stored raw.
  void GatherMoments() {
    for (int64_t r = 0; r < raw.row_count(); ++r) moments[r] = RowMoments<T>(raw[r], raw.pixels());
  }
  /// The sums that whoever has stored dz would have gathered.
  void GatherSums() {
    for (int64_t r = 0; r < raw.row_count(); ++r) sums[r] = RowSums<T>(dz[r], raw[r], moments[r], raw.pixels());
  }
  /// From moments to scale and shift.
  void Forward() {
    ReferenceOps<T>().batch_norm_forward(OnThreads(), shape(),
                                         {scale.data(), shift.data(), moments.data(), gamma.data(), beta.data(),
                                          running[0], running[1], parameter_row.data()});
  }
  /// From dz and its sums to dgamma, dbeta, pull_back, and raw_gradient: what whoever reads source() makes of it.
  void Backward() {
    ReferenceOps<T>().batch_norm_backward(OnThreads(), shape(),
                                          {pull_back.data(), dgamma.data(), dbeta.data(), sums.data(), sums.data(),
                                           moments.data(), gamma.data(), parameter_row.data()});
    for (int64_t r = 0; r < raw.row_count(); ++r) {
      for (int64_t p = 0; p < raw.pixels(); ++p) raw_gradient[r][p] = RawGradient(source(), r, p);
    }
  }
  /// The parameters, and with `with_raw` the raw map, which is an input only at the beginning of a chain.
  void AppendVariables(const std::string& name, bool with_raw, std::vector<Variable<T>>* variables) {
    if (with_raw) variables->push_back({name + " raw map", &raw, &raw_gradient});
    variables->push_back({name + " gamma", &gamma, &dgamma});
    variables->push_back({name + " beta", &beta, &dbeta});
  }

  GuardedMap<Map> raw;
  GuardedMap<T> gamma, beta;
  std::vector<int> parameter_row;
  std::vector<Moments<T>> moments;
  GuardedMap<T> scale, shift, running;
  GuardedMap<Map> dz;
  std::vector<GradientSums<T>> sums;
  std::vector<PullBack<T>> pull_back;
  GuardedMap<Map> raw_gradient;
  GuardedMap<T> dgamma, dbeta;
};

/// The end of a chain: batch norm of a raw map, shortcut, ReLU, and F = Σ factor·y.
template <class T>
struct ResidualEnd {
  ResidualEnd(int64_t channels, int64_t pixels, Draw& draw)
      : norm(channels, pixels, draw),
        shortcut(channels, pixels, [&] { return draw.Real(); }),
        factor(channels, pixels, [&] { return draw.Real(); }),
        y(channels, pixels) {}

  /// From norm.raw and norm.moments to F.
  T Forward() {
    norm.Forward();
    T sum = 0;
    for (int64_t r = 0; r < y.row_count(); ++r) {
      for (int64_t p = 0; p < y.pixels(); ++p) {
        y[r][p] = Relu(norm.scale[0][r] * norm.raw[r][p] + norm.shift[0][r] + shortcut[r][p]);
        sum += factor[r][p] * y[r][p];
      }
    }
    return sum;
  }
  /// To norm.source(), where the op under test reads its dy.
  void Backward() {
    for (int64_t r = 0; r < y.row_count(); ++r) {
      for (int64_t p = 0; p < y.pixels(); ++p) norm.dz[r][p] = Positive(y[r][p]) ? factor[r][p] : T(0);
    }
    norm.GatherSums();
    norm.Backward();
  }

  Normalised<T> norm;
  GuardedMap<T> shortcut, factor, y;
};

}  // namespace riffle
