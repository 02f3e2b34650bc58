#include "bench/kernels.h"

#include "model/fold.h"
#include "model/kernel_plan.h"
#include "runtime/session.h"

namespace riffle {
namespace {

// Appends the steps of a pass, whose kernels are in the order of the plan.
void Append(const Plan& plan, Pass pass, std::vector<std::string> kernels, std::vector<StepKernel>* steps) {
  const size_t count = plan.steps.size();
  kernels.resize(count);
  for (size_t k = 0; k < count; ++k) {
    const size_t i = pass == Pass::kForward ? k : count - 1 - k;
    steps->push_back({plan.steps[i].name, plan.steps[i].op, pass, kernels[i]});
  }
}

}  // namespace

std::vector<StepKernel> StepKernels(const Plan& plan, std::string_view mode, int64_t images,
                                    const std::optional<KernelTarget>& target) {
  std::vector<StepKernel> steps;
  if (mode == "infer") {
    const Plan folded = FoldBatchNorm(plan);
    // As a Session runs it.
    const auto at_once = [&] { return target->card() ? images : PicturesAtOnce(folded, images); };
    Append(folded, Pass::kForward, target ? InferenceKernels(folded, at_once(), *target) : std::vector<std::string>(),
           &steps);
    return steps;
  }
  for (const Pass pass : {Pass::kForward, Pass::kBackward})
    Append(plan, pass, target ? TrainingKernels(plan, pass, images, *target) : std::vector<std::string>(), &steps);
  return steps;
}

}  // namespace riffle
