// The weights that a network starts from.
#pragma once

#include <cstdint>

#include "model/plan.h"

namespace riffle {

struct Initialisation {
  uint64_t seed = 1;
  /// Gamma 0 in the last batch norm of each unit that adds its input, so that the unit starts as the identity (Goyal et
  /// al., "Accurate, large minibatch SGD", arXiv 1706.02677, Section 5.1). Otherwise the features that the head sees
  /// grow with each unit, and high learning rates without warm-up end in chance (docs/decisions.md).
  bool zero_init_residual = false;
};

/// As MindCV and Megvii do it: convolutions N(0, 1 / input channels of a group), the first convolution and the head
/// N(0, 0.01), gamma 1, beta 0, running mean 0, running variance 1. Each tensor's numbers depend on (seed, its place in
/// the registry) only.
void Initialise(const Plan& plan, const Initialisation& initialisation, ParameterValues<float>* values);

}  // namespace riffle
