// Batch norm (Ioffe and Szegedy, 2015) as arithmetic on a few numbers a row; the rows themselves are touched by the
// neighbouring ops.
//   forward:   scale = gamma / sqrt(variance + eps),  shift = beta − mean·scale
//   backward:  da = scale·(dz − Σ dz / n − x̂·Σ dz·x̂ / n),  dgamma = Σ dz·x̂,  dbeta = Σ dz,
//              x̂ = (a − mean) / sqrt(variance + eps)
// Where several processes share a batch and normalise by its statistics, moments, n and the sums in da are those of the
// whole batch; dgamma and dbeta are a process's share, which is added to the others' as every gradient is. One process
// gives the same sums twice. docs/backward.md derives the formula.
// Row r of the map has the parameters, gradients and statistics of index parameter_row[r] (null: r); see ShufflePlace.
#pragma once

#include "ops/common.h"

namespace riffle {

struct BatchNormShape {
  int channels = 0;
  int64_t pixels = 0;  ///< of a row, in all processes: the n of the statistics
  double eps = 1e-5;
  double momentum = 0.9;  ///< running = momentum·running + (1 − momentum)·new, the variance unbiased (n / (n − 1))
};

template <class T>
struct BatchNormForward {
  T* scale = nullptr;  ///< [channels] by row
  T* shift = nullptr;
  const Moments<T>* moments = nullptr;  ///< [channels] by row, over n pixels; null: use the running statistics and
                                        ///< leave them alone
  const T* gamma = nullptr;
  const T* beta = nullptr;
  T* running_mean = nullptr;
  T* running_variance = nullptr;
  const int* parameter_row = nullptr;
};

template <class T>
struct BatchNormBackward {
  PullBack<T>* pull_back = nullptr;  ///< [channels] by row
  T* dgamma = nullptr;
  T* dbeta = nullptr;
  const GradientSums<T>* sums = nullptr;      ///< [channels] by row, over n pixels: what pull_back is made of
  const GradientSums<T>* own_sums = nullptr;  ///< over this process's pixels: dgamma and dbeta; may be sums itself
  const Moments<T>* moments = nullptr;        ///< over n pixels
  const T* gamma = nullptr;
  const int* parameter_row = nullptr;
};

}  // namespace riffle
