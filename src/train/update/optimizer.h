// Optimizers: an update rule applied to the flat arenas of parameters, gradients and slots.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "backend/execution.h"
#include "model/parameters.h"
#include "ops/op_table.h"
#include "train/update/parameter_policy.h"
#include "train/update/update_rules.h"

namespace riffle {

/// The options opt, use_nesterov, momentum, betas and eps, and those of the policies.
struct OptimizerOptions {
  const UpdateRule* rule = &FindUpdateRule("adam");
  double momentum = 0.9;
  std::optional<std::vector<double>> betas = std::nullopt;  ///< none: the rule's usual ones
  std::optional<double> eps = std::nullopt;                 ///< none: the rule's usual one
  PolicyOptions policy;
};

/// The rule, with its constants, and for each parameter the weight decay and share of the learning rate of its policy.
/// A state is slots laid out as the trainable arena; it is saved and loaded with the parameters' names.
class Optimizer {
 public:
  /// Its memory is the device's. `ops` must outlive the optimizer. REQUIRES: as many betas as the rule has.
  Optimizer(Device& device, const ParameterRegistry& registry, const OptimizerOptions& options,
            const OpTable<float>& ops);

  /// What the next Step is; enqueued as an op is. `update` counts the steps of the run, this one included: what depends
  /// on time is a function of it, so that a resumed run goes on with the same bits.
  void Prepare(int64_t update, double lr);
  /// The step that was prepared, enqueued: each time the same call. The same bits at any number of threads.
  void Step(const Execution& execution, const DeviceArray<float>& gradients, DeviceArray<float>* parameters);

  /// What the rule remembers of each weight, under the names of its row.
  struct Slot {
    std::string_view name;
    DeviceArray<float> values;
  };
  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  Device& device_;
  const OpTable<float>& ops_;
  const UpdateStep constants_;    // without what changes from step to step
  DeviceArray<UpdateStep> step_;  // the next one
  const DeviceArray<UpdateRange> ranges_;
  std::vector<Slot> slots_;
};

}  // namespace riffle
