// Batch norm (Ioffe and Szegedy, 2015) as arithmetic on a few numbers a row; the rows themselves are touched by the
// neighbouring ops.
//   forward:   scale = gamma / sqrt(variance + eps),  shift = beta − mean·scale
//   backward:  dgamma = Σ dz·x̂,  dbeta = Σ dz,  da = scale·(dz − dbeta/n − x̂·dgamma/n),
//              x̂ = (a − mean) / sqrt(variance + eps)
// Row r of the map has the parameters, gradients and statistics of index parameter_row[r] (null: r); see ShufflePlace.
#pragma once

#include "ops/common.h"

namespace riffle {

struct BatchNormShape {
  int channels = 0;
  int64_t pixels = 0;  ///< of a row: the n of the statistics
  double eps = 1e-5;
  double momentum = 0.9;  ///< running = momentum·running + (1 − momentum)·new, the variance unbiased (n / (n − 1))
};

template <class T>
struct BatchNormForward {
  T* scale = nullptr;  ///< [channels] by row
  T* shift = nullptr;
  const Moments<T>* moments = nullptr;  ///< [channels] by row; null: use the running statistics and leave them alone
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
  const GradientSums<T>* sums = nullptr;  ///< [channels] by row
  const Moments<T>* moments = nullptr;
  const T* gamma = nullptr;
  const int* parameter_row = nullptr;
};

}  // namespace riffle
