#include "train/update/ema.h"

#include <algorithm>
#include <cmath>

namespace riffle {
namespace {

void Approach(const Execution& execution, const DeviceArray<float>& online, float share, DeviceArray<float>* ema) {
  constexpr int64_t kValuesPerTask = 1 << 14;
  const int64_t values = static_cast<int64_t>(ema->size());
  execution.pool.ParallelFor((values + kValuesPerTask - 1) / kValuesPerTask, [&](int64_t task) {
    const float* p = online.data();
    float* e = ema->data();
    const int64_t end = std::min(values, (task + 1) * kValuesPerTask);
    // In this form an average that has arrived stays, to the last bit.
    for (int64_t i = task * kValuesPerTask; i < end; ++i) e[i] += share * (p[i] - e[i]);
  });
}

}  // namespace

void StartEma(const DeviceParameterValues<float>& online, DeviceParameterValues<float>* ema) { ema->CopyFrom(online); }

double EmaDecay(double decay, int64_t update) { return decay * -std::expm1(-static_cast<double>(update) / 2000); }

void UpdateEma(const Execution& execution, double decay, int64_t update, const DeviceParameterValues<float>& online,
               DeviceParameterValues<float>* ema) {
  const float share = static_cast<float>(1 - EmaDecay(decay, update));
  Approach(execution, online.trainable, share, &ema->trainable);
  Approach(execution, online.statistics, share, &ema->statistics);
}

}  // namespace riffle
