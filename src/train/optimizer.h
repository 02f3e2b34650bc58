// Optimizers: one loop over the flat arenas of parameters, gradients and slots.
#pragma once

#include <string_view>
#include <vector>

#include "model/parameters.h"
#include "train/options.h"

namespace riffle {

/// Momentum SGD as MindSpore computes it, weight decay in the gradient:
///   g += weight_decay·p,  v = momentum·v + g,  p −= lr·v,  with Nesterov p −= lr·(g + momentum·v)
/// A state is slots laid out as the trainable arena; it is saved and loaded with the parameters' names.
class Optimizer {
 public:
  Optimizer(const ParameterRegistry& registry, const Options& options);

  void Step(double lr, const AlignedArray<float>& gradients, AlignedArray<float>* parameters);

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
  std::vector<float> weight_decay_;  // of each trainable parameter
  std::vector<Slot> slots_;
};

/// Whether weight decay applies to a parameter under `weight_decay_filter`: disable: to all; auto and norm_and_bias:
/// not to batch norm's gamma and beta (the network has no other biases).
bool Decays(const Parameter& parameter, std::string_view weight_decay_filter);

}  // namespace riffle
