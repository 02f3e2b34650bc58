// The reference of batch_norm.h.
#pragma once

#include "ops/batch_norm/batch_norm.h"
#include "ops/common_ref.h"

namespace riffle {

template <class T>
void ReferenceBatchNormForward(const Execution&, const BatchNormShape& shape, const BatchNormForward<T>& a) {
  const T momentum(shape.momentum), rest(1 - shape.momentum);
  const double n = static_cast<double>(shape.pixels);
  // One pixel has no unbiased variance; its biased one is zero, and stays so.
  const T unbiased(n > 1 ? n / (n - 1) : 1);
  for (int r = 0; r < shape.channels; ++r) {
    const int k = a.parameter_row ? a.parameter_row[r] : r;
    const Moments<T> m = a.moments ? a.moments[r] : Moments<T>{a.running_mean[k], a.running_variance[k]};
    a.scale[r] = a.gamma[k] / sqrt(m.variance + T(shape.eps));
    a.shift[r] = a.beta[k] - m.mean * a.scale[r];
    if (!a.moments) continue;
    a.running_mean[k] = momentum * a.running_mean[k] + rest * m.mean;
    a.running_variance[k] = momentum * a.running_variance[k] + rest * m.variance * unbiased;
  }
}

template <class T>
void ReferenceBatchNormBackward(const Execution&, const BatchNormShape& shape, const BatchNormBackward<T>& a) {
  const T n(static_cast<double>(shape.pixels));
  for (int r = 0; r < shape.channels; ++r) {
    const int k = a.parameter_row ? a.parameter_row[r] : r;
    const T inverse_deviation = T(1) / sqrt(a.moments[r].variance + T(shape.eps));
    a.dbeta[k] = a.own_sums[r].dz;
    a.dgamma[k] = a.own_sums[r].dz_centred * inverse_deviation;
    // da = scale·(dz − Σ dz / n − x̂·Σ dz·x̂ / n), sorted by dz, a and what is left.
    const T scale = a.gamma[k] * inverse_deviation;
    const T raw_factor = -scale * inverse_deviation * (a.sums[r].dz_centred * inverse_deviation) / n;
    a.pull_back[r] = {scale, raw_factor, -scale * a.sums[r].dz / n - raw_factor * a.moments[r].mean};
  }
}

}  // namespace riffle
