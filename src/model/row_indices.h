// The row permutations of a plan where ops read them.
#pragma once

#include "backend/device_array.h"
#include "model/plan.h"

namespace riffle {

/// Plan::row_indices in memory of a device: one upload for all steps and norms.
class RowIndices {
 public:
  RowIndices(Device& device, const Plan& plan) : indices_(device, std::span(plan.row_indices)) {}

  /// As Plan::RowIndices, for ops.
  const int32_t* From(int first) const { return first < 0 ? nullptr : indices_.data() + first; }

 private:
  DeviceArray<int32_t> indices_;
};

}  // namespace riffle
