// Which kernels a benchmark's steps run, in the order of its steps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"
#include "model/step_observer.h"
#include "ops/kernel_target.h"

namespace riffle {

struct StepKernel {
  std::string name;  ///< of the plan's step
  Op op;
  Pass pass;
  std::string kernel;  ///< "": it has but one, or none
};

/// Of a batch: forward and backward of the plan ("train"), or forward of the folded one ("infer"). No target: a backend
/// without a choice.
std::vector<StepKernel> StepKernels(const Plan& plan, std::string_view mode, int64_t images,
                                    const std::optional<KernelTarget>& target);

}  // namespace riffle
