// Optimizers: one loop over the flat arenas of parameters, gradients and slots.
#pragma once

#include <string_view>
#include <vector>

#include "model/parameters.h"
#include "train/options.h"
#include "train/parameter_policy.h"

namespace riffle {

/// Momentum SGD as MindSpore computes it, weight decay in the gradient:
///   g += weight_decay·p,  v = momentum·v + g,  p −= lr·v,  with Nesterov p −= lr·(g + momentum·v)
/// A state is slots laid out as the trainable arena; it is saved and loaded with the parameters' names.
class Optimizer {
 public:
  Optimizer(const ParameterRegistry& registry, const Options& options);

  /// `update` counts the steps of the run, this one included: what depends on time is a function of it, so that a
  /// resumed run goes on with the same bits.
  void Step(int64_t update, double lr, const AlignedArray<float>& gradients, AlignedArray<float>* parameters);

  /// Names of the slots, and their values: "velocity".
  struct Slot {
    std::string_view name;
    AlignedArray<float> values;
  };
  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  const ParameterRegistry& registry_;
  const float momentum_;
  const bool nesterov_;
  const std::vector<ParameterPolicy> policies_;
  std::vector<Slot> slots_;
};

}  // namespace riffle
