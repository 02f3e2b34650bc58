// Told when the engine begins and ends a step: for the profile of `riffle bench ops`.
#pragma once

#include <cstddef>

namespace riffle {

enum class Pass { kForward, kBackward };

/// Both are called by the thread that runs the step, which in inference may be one of several at once. In training a
/// chain (Step::chained) runs as the step of it whose turn comes first, and the other takes no time: forward it is
/// conv3 for both, backward conv1. So may a depthwise convolution and its Gram matrix, forward (Step::with_gram).
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void Begin(size_t step, Pass pass) = 0;
  virtual void End(size_t step, Pass pass) = 0;
};

}  // namespace riffle
