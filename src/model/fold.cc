#include "model/fold.h"

#include <algorithm>
#include <cmath>

namespace riffle {

Plan FoldBatchNorm(const Plan& training) {
  Plan plan = training;
  plan.steps.clear();
  plan.backward = {};
  // The convolution in front of each batch norm, in plan.steps.
  std::vector<size_t> producer(plan.norms.size());
  for (const Step& step : training.steps) {
    if (IsNorm(step) || step.op == Op::kGram) continue;
    if (step.op == Op::kRelu) {
      Step& conv = plan.steps[producer[step.norm]];
      conv.y = step.y;
      conv.relu = true;
      continue;
    }
    if (step.shortcut >= 0) plan.maps[step.y].stored_in = step.shortcut;  // read for the last time
    plan.steps.push_back(step);
    Step& kept = plan.steps.back();
    if (kept.norm >= 0) producer[kept.norm] = plan.steps.size() - 1;
    if (kept.in_norm >= 0) {
      plan.steps[producer[kept.in_norm]].relu = kept.in_relu;
      kept.in_norm = -1;
      kept.in_relu = false;
    }
    kept.chained = kept.with_gram = false;
    kept.weight_rows = -1;  // folded weights are in the order of the rows
  }
  return plan;
}

FoldedWeights FoldWeights(const Plan& folded, const Step& step, const ParameterValues<float>& values) {
  const Parameter& parameter = folded.registry.trainable()[step.weight];
  const float* weight = values.trainable.data() + parameter.offset;
  FoldedWeights result{.weight = AlignedArray<float>(parameter.size), .bias = {}};
  if (step.norm < 0) {
    std::copy_n(weight, parameter.size, result.weight.data());
    if (step.bias >= 0) {
      const Parameter& bias = folded.registry.trainable()[step.bias];
      result.bias = AlignedArray<float>(bias.size);
      std::copy_n(values.trainable.data() + bias.offset, bias.size, result.bias.data());
    }
    return result;
  }
  const Norm& norm = folded.norms[step.norm];
  const auto trainable = [&](int i) { return values.trainable.data() + folded.registry.trainable()[i].offset; };
  const auto running = [&](int i) { return values.statistics.data() + folded.registry.statistics()[i].offset; };
  const float *gamma = trainable(norm.gamma), *beta = trainable(norm.beta);
  const float *mean = running(norm.running_mean), *variance = running(norm.running_variance);
  const int32_t* parameter_row = folded.RowIndices(norm.parameter_rows);
  result.bias = AlignedArray<float>(step.channels);
  const int64_t per_row = parameter.size / step.channels;
  for (int row = 0; row < step.channels; ++row) {
    const int p = parameter_row ? parameter_row[row] : row;
    const double scale = gamma[p] / std::sqrt(double{variance[p]} + folded.model.bn_eps);
    result.bias[row] = static_cast<float>(beta[p] - mean[p] * scale);
    for (int64_t i = 0; i < per_row; ++i)
      result.weight[row * per_row + i] = static_cast<float>(weight[p * per_row + i] * scale);
  }
  return result;
}

}  // namespace riffle
