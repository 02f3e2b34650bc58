#include "train/update/gradients.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace riffle {
namespace {

constexpr int64_t kValuesPerTask = 1 << 14;

/// Calls task(begin, end) for parts of [0, count).
template <class F>
void ForParts(const Execution& execution, int64_t count, const F& task) {
  execution.pool.ParallelFor((count + kValuesPerTask - 1) / kValuesPerTask,
                             [&](int64_t i) { task(i * kValuesPerTask, std::min(count, (i + 1) * kValuesPerTask)); });
}

}  // namespace

UpdateGroup GroupOf(int64_t batch, int64_t batches_per_epoch, int64_t batches_per_update) {
  const int64_t index = batch % batches_per_update, first = batch - index;
  return {.index = index, .size = std::min(batches_per_update, batches_per_epoch - first)};
}

void Accumulate(const Execution& execution, const DeviceArray<float>& gradients, bool first, DeviceArray<float>* sum) {
  ForParts(execution, static_cast<int64_t>(sum->size()), [&](int64_t begin, int64_t end) {
    const float* g = gradients.data();
    float* s = sum->data();
    for (int64_t i = begin; i < end; ++i) s[i] = first ? g[i] : s[i] + g[i];
  });
}

double ClipByGlobalNorm(const Execution& execution, const ParameterRegistry& registry,
                        std::span<const ParameterPolicy> policies, double max_norm, DeviceArray<float>* gradients) {
  const std::span<const Parameter> parameters = registry.trainable();
  std::vector<double> squares(parameters.size());
  execution.pool.ParallelFor(static_cast<int64_t>(parameters.size()), [&](int64_t i) {
    if (policies[i].lr_scale == 0) return;
    const float* g = gradients->data() + parameters[i].offset;
    double sum = 0;
    for (int64_t k = 0; k < parameters[i].size; ++k) sum += double{g[k]} * g[k];
    squares[i] = sum;
  });
  const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  if (!(norm > max_norm)) return norm;
  const float factor = static_cast<float>(max_norm / norm);
  ForParts(execution, static_cast<int64_t>(gradients->size()), [&](int64_t begin, int64_t end) {
    float* g = gradients->data();
    for (int64_t i = begin; i < end; ++i) g[i] *= factor;
  });
  return norm;
}

}  // namespace riffle
