// The exponential moving average of a network's weights, which generalises better than the weights themselves.
#pragma once

#include "backend/execution.h"
#include "model/parameters.h"
#include "ops/op_table.h"

namespace riffle {

/// What the average starts as: `ema` becomes a copy of `online`.
void StartEma(const DeviceParameterValues<float>& online, DeviceParameterValues<float>* ema);

/// The share of the old average that update `update` (from 1) keeps, as in MindCV: decay·(1 − e^(−update / 2000)), so
/// that the first updates forget the initial weights.
double EmaDecay(double decay, int64_t update);

/// One update, batch norm's running statistics included: ema = (1 − share)·ema + share·online, where *share, of the
/// device's memory, is 1 − EmaDecay(decay, update). Enqueued as an op is.
void UpdateEma(const Execution& execution, const OpTable<float>& ops, const double* share,
               const DeviceParameterValues<float>& online, DeviceParameterValues<float>* ema);

}  // namespace riffle
