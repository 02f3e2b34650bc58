// Which kernels run the steps of a plan, in words: what the ops ask themselves, asked before. It needs neither the
// device nor its memory.
#pragma once

#include <string>
#include <vector>

#include "model/plan.h"
#include "model/step_observer.h"
#include "ops/kernel_target.h"

namespace riffle {

/// One entry for each step; "": it has but one kernel, or none. Of a chain the step that runs for both has the kernels,
/// as in StepObserver, and the other one's name.
std::vector<std::string> TrainingKernels(const Plan& plan, Pass pass, int64_t images, const KernelTarget& target);

/// Of a folded plan, on so many pictures at a time (session.h).
std::vector<std::string> InferenceKernels(const Plan& folded, int64_t images, const KernelTarget& target);

}  // namespace riffle
