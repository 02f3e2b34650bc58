#include "train/optimizer.h"

#include "base/threads.h"

namespace riffle {

Optimizer::Optimizer(const ParameterRegistry& registry, const Options& options)
    : registry_(registry),
      momentum_(static_cast<float>(options.momentum)),
      nesterov_(options.use_nesterov || options.opt == "nesterov"),
      policies_(ParameterPolicies(registry, options)) {
  slots_.push_back({"velocity", AlignedArray<float>(registry.trainable_arena())});
}

void Optimizer::Step(int64_t /*update*/, double lr, const AlignedArray<float>& gradients,
                     AlignedArray<float>* parameters) {
  const float momentum = momentum_;
  float* velocity = slots_[0].values.data();
  ParallelFor(static_cast<int64_t>(registry_.trainable().size()), [&](int64_t i) {
    const Parameter& parameter = registry_.trainable()[i];
    const ParameterPolicy& policy = policies_[i];
    if (policy.lr_scale == 0) return;
    const float rate = static_cast<float>(lr * policy.lr_scale), decay = static_cast<float>(policy.weight_decay);
    const float* g = gradients.data() + parameter.offset;
    float* p = parameters->data() + parameter.offset;
    float* v = velocity + parameter.offset;
    for (int64_t k = 0; k < parameter.size; ++k) {
      const float gradient = g[k] + decay * p[k];
      v[k] = momentum * v[k] + gradient;
      p[k] -= rate * (nesterov_ ? gradient + momentum * v[k] : v[k]);
    }
  });
}

}  // namespace riffle
