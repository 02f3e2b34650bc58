#include "train/update/ema.h"

#include <cmath>

namespace riffle {

void StartEma(const ParameterValues<float>& online, ParameterValues<float>* ema) { Copy(online, ema); }

double EmaDecay(double decay, int64_t update) { return decay * -std::expm1(-static_cast<double>(update) / 2000); }

void UpdateEma(const Execution& execution, const OpTable<float>& ops, double decay, int64_t update,
               const ParameterValues<float>& online, ParameterValues<float>* ema) {
  const double share = 1 - EmaDecay(decay, update);
  const auto approach = [&](const AlignedArray<float>& values, AlignedArray<float>* average) {
    ops.approach(execution, static_cast<int64_t>(values.size()),
                 {.average = average->data(), .values = values.data(), .share = share});
  };
  approach(online.trainable, &ema->trainable);
  approach(online.statistics, &ema->statistics);
}

}  // namespace riffle
