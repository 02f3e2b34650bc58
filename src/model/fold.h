// Inference as a transform of the training plan: every batch norm is folded into the convolution before it, where
// training has not done so already, ReLU moves into the stores of that convolution, and what is left are the
// convolutions, the pools and the head.
#pragma once

#include "model/plan.h"

namespace riffle {

/// The plan without its batch norms. Steps keep `norm`: it says what FoldWeights folds into them.
Plan FoldBatchNorm(const Plan& training);

/// Weights of one folded step: [channels][...] as the registry has them, by row of its output, and a bias for each row.
struct FoldedWeights {
  AlignedArray<float> weight;
  AlignedArray<float> bias;  ///< empty where the step has no batch norm
};

/// weight·scale and shift, with the running statistics: scale = gamma / sqrt(variance + eps), shift = beta −
/// mean·scale.
FoldedWeights FoldWeights(const Plan& folded, const Step& step, const ParameterValues<float>& values);

}  // namespace riffle
