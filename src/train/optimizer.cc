#include "train/optimizer.h"

#include "base/threads.h"

namespace riffle {

bool Decays(const Parameter& parameter, std::string_view weight_decay_filter) {
  return weight_decay_filter == "disable" || !parameter.norm();
}

Optimizer::Optimizer(const ParameterRegistry& registry, const Options& options)
    : registry_(registry),
      momentum_(static_cast<float>(options.momentum)),
      nesterov_(options.use_nesterov || options.opt == "nesterov") {
  for (const Parameter& p : registry.trainable())
    weight_decay_.push_back(Decays(p, options.weight_decay_filter) ? static_cast<float>(options.weight_decay) : 0.0f);
  slots_.push_back({"velocity", AlignedArray<float>(registry.trainable_arena())});
}

void Optimizer::Step(double lr, const AlignedArray<float>& gradients, AlignedArray<float>* parameters) {
  const float rate = static_cast<float>(lr), momentum = momentum_;
  float* velocity = slots_[0].values.data();
  ParallelFor(static_cast<int64_t>(registry_.trainable().size()), [&](int64_t i) {
    const Parameter& parameter = registry_.trainable()[i];
    const float decay = weight_decay_[i];
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
