// What kernels of losses share: a block takes a picture, its threads go over the classes, in double as on the CPU.
#pragma once

#include "backend/cuda/kernel.h"

namespace riffle::RIFFLE_GPU {

inline constexpr int kLossThreads = 128;

using LossSums = BlockSums<double, kLossThreads>;

/// Σ_k f(k) over the classes, in all threads of a block. All of them must come here.
template <class F>
RIFFLE_KERNEL double SumOverClasses(int classes, LossSums& sums, const F& f) {
  double sum = 0;
  for (int k = BlockThread(); k < classes; k += kLossThreads) sum += f(k);
  return BlockSum(sum, sums);
}

/// The greatest f(k) of all classes, −∞ if there are none.
template <class F>
RIFFLE_KERNEL double GreatestOfClasses(int classes, LossSums& sums, const F& f) {
  double greatest = -INFINITY;
  for (int k = BlockThread(); k < classes; k += kLossThreads) greatest = Greater()(greatest, double(f(k)));
  return BlockMax(greatest, sums);
}

/// log Σ_k exp(logits[k] / temperature) over all classes but `without` (−1: over all): with it, log softmax is
/// logits[k] / temperature − LogSum. REQUIRES: a class is left.
RIFFLE_KERNEL double LogSum(const float* logits, int classes, double temperature, int without, LossSums& sums) {
  // The greatest is taken off all of them: no exponential overflows.
  const double top =
      GreatestOfClasses(classes, sums, [=](int k) { return k == without ? -INFINITY : logits[k] / temperature; });
  return top + log(SumOverClasses(classes, sums,
                                  [=](int k) { return k == without ? 0 : exp(logits[k] / temperature - top); }));
}

/// log(1 + exp(x)), of which exp(−Softplus(−x)) is the sigmoid.
RIFFLE_KERNEL double Softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

}  // namespace riffle::RIFFLE_GPU
