#include "train/update/ema.h"

#include <cmath>

namespace riffle {

void StartEma(const DeviceParameterValues<float>& online, DeviceParameterValues<float>* ema) { ema->CopyFrom(online); }

double EmaDecay(double decay, int64_t update) { return decay * -std::expm1(-static_cast<double>(update) / 2000); }

void UpdateEma(const Execution& execution, const OpTable<float>& ops, const double* share,
               const DeviceParameterValues<float>& online, DeviceParameterValues<float>* ema) {
  const auto approach = [&](const DeviceArray<float>& values, DeviceArray<float>* average) {
    ops.approach(execution, static_cast<int64_t>(values.size()),
                 {.average = average->data(), .values = values.data(), .share = share});
  };
  approach(online.trainable, &ema->trainable);
  approach(online.statistics, &ema->statistics);
}

}  // namespace riffle
