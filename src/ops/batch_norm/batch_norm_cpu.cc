// Batch norm's arithmetic on a few numbers a row (batch_norm.h), in double: scale and shift multiply every pixel of the
// network, and cost nothing beside them.
#include <cmath>

#include "ops/cpu.h"

namespace riffle::cpu {

void BatchNormForward(const Execution&, const BatchNormShape& shape, const riffle::BatchNormForward<float>& args) {
  const double pixels = static_cast<double>(shape.pixels);
  // One pixel has no unbiased variance; its biased one is zero, and stays so.
  const double unbiased = shape.pixels > 1 ? pixels / (pixels - 1) : 1;
  for (int row = 0; row < shape.channels; ++row) {
    const int k = args.parameter_row ? args.parameter_row[row] : row;
    const double mean = args.moments ? args.moments[row].mean : args.running_mean[k];
    const double variance = args.moments ? args.moments[row].variance : args.running_variance[k];
    const double scale = args.gamma[k] / std::sqrt(variance + shape.eps);
    args.scale[row] = static_cast<float>(scale);
    args.shift[row] = static_cast<float>(args.beta[k] - mean * scale);
    if (!args.moments) continue;
    const auto follow = [&](float& running, double now) {
      running = static_cast<float>(shape.momentum * running + (1 - shape.momentum) * now);
    };
    follow(args.running_mean[k], mean);
    follow(args.running_variance[k], variance * unbiased);
  }
}

void BatchNormBackward(const Execution&, const BatchNormShape& shape, const riffle::BatchNormBackward<float>& args) {
  const double pixels = static_cast<double>(shape.pixels);
  for (int row = 0; row < shape.channels; ++row) {
    const int k = args.parameter_row ? args.parameter_row[row] : row;
    const Moments<float>& moments = args.moments[row];
    const double inverse_deviation = 1 / std::sqrt(moments.variance + shape.eps);
    args.dgamma[k] = static_cast<float>(args.own_sums[row].dz_centred * inverse_deviation);
    args.dbeta[k] = args.own_sums[row].dz;
    // da = scale·(dz − Σ dz / n − x̂·Σ dz·x̂ / n), sorted by dz, a and what is left.
    const GradientSums<float>& sums = args.sums[row];
    const double scale = args.gamma[k] * inverse_deviation;
    const double raw_factor = -scale * inverse_deviation * (sums.dz_centred * inverse_deviation) / pixels;
    args.pull_back[row] = {static_cast<float>(scale), static_cast<float>(raw_factor),
                           static_cast<float>(-scale * sums.dz / pixels - raw_factor * moments.mean)};
  }
}

}  // namespace riffle::cpu
