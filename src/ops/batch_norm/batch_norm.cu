// A thread a row, in double, as batch_norm_cpu.cc is.
#include "ops/gpu.h"

namespace riffle::RIFFLE_GPU {

void BatchNormForward(const Execution& execution, const BatchNormShape& shape,
                      const riffle::BatchNormForward<float>& a) {
  const auto pixels = static_cast<double>(shape.pixels);
  // One pixel has no unbiased variance; its biased one is zero, and stays so.
  const double unbiased = shape.pixels > 1 ? pixels / (pixels - 1) : 1;
  const double momentum = shape.momentum, eps = shape.eps;
  ForEach(execution, shape.channels, [=] RIFFLE_LAMBDA(int64_t row) {
    const int64_t k = a.parameter_row ? a.parameter_row[row] : row;
    const double mean = a.moments ? a.moments[row].mean : a.running_mean[k];
    const double variance = a.moments ? a.moments[row].variance : a.running_variance[k];
    const double scale = a.gamma[k] / sqrt(variance + eps);
    a.scale[row] = static_cast<float>(scale);
    a.shift[row] = static_cast<float>(a.beta[k] - mean * scale);
    if (!a.moments) return;
    a.running_mean[k] = static_cast<float>(momentum * a.running_mean[k] + (1 - momentum) * mean);
    a.running_variance[k] = static_cast<float>(momentum * a.running_variance[k] + (1 - momentum) * variance * unbiased);
  });
}

void BatchNormBackward(const Execution& execution, const BatchNormShape& shape,
                       const riffle::BatchNormBackward<float>& a) {
  const auto pixels = static_cast<double>(shape.pixels);
  const double eps = shape.eps;
  ForEach(execution, shape.channels, [=] RIFFLE_LAMBDA(int64_t row) {
    const int64_t k = a.parameter_row ? a.parameter_row[row] : row;
    const Moments<float> moments = a.moments[row];
    const GradientSums<float> sums = a.sums[row], own_sums = a.own_sums[row];
    const double inverse_deviation = 1 / sqrt(moments.variance + eps);
    a.dgamma[k] = static_cast<float>(own_sums.dz_centred * inverse_deviation);
    a.dbeta[k] = own_sums.dz;
    // da = scale·(dz − Σ dz / n − x̂·Σ dz·x̂ / n), sorted by dz, a and what is left.
    const double scale = a.gamma[k] * inverse_deviation;
    const double raw_factor = -scale * inverse_deviation * (sums.dz_centred * inverse_deviation) / pixels;
    a.pull_back[row] = {static_cast<float>(scale), static_cast<float>(raw_factor),
                        static_cast<float>(-scale * sums.dz / pixels - raw_factor * moments.mean)};
  });
}

}  // namespace riffle::RIFFLE_GPU
