// What happens to gradients between the backward pass and the optimizer: they are summed over the batches of an update
// (the op `accumulate`), and clipped.
#pragma once

#include <span>

#include "backend/execution.h"
#include "model/parameters.h"
#include "ops/op_table.h"
#include "train/update/parameter_policy.h"

namespace riffle {

/// The place of a batch among those that make one update together: `gradient_accumulation_steps` of them, and in the
/// last update of an epoch what is left, so that no gradient of one epoch waits for the next.
struct UpdateGroup {
  int64_t index = 0;  ///< of the batch within its group
  int64_t size = 1;

  bool first() const { return index == 0; }
  bool last() const { return index + 1 == size; }
};
UpdateGroup GroupOf(int64_t batch, int64_t batches_per_epoch, int64_t batches_per_update);

/// Clips by the global norm, as MindSpore's clip_by_global_norm does. The norm is that of all gradients whose parameter
/// learns (lr_scale is not 0); it is summed in double precision in the registry's order, whatever the number of
/// threads.
class NormClip {
 public:
  /// Its memory is the device's. `ops` must outlive it.
  NormClip(Device& device, const ParameterRegistry& registry, std::span<const ParameterPolicy> policies,
           double max_norm, const OpTable<float>& ops);

  /// gradients ·= max_norm / max(norm, max_norm). Enqueued as an op is.
  void Clip(const Execution& execution, DeviceArray<float>* gradients);

 private:
  const OpTable<float>& ops_;
  const double max_norm_;
  const DeviceArray<ArenaRange> ranges_;  // of what learns
  DeviceArray<double> squares_;           // of the norm of each
};

}  // namespace riffle
