// The backward pass as bookkeeping over the forward plan: where each gradient lies, which step adds to what another has
// written, masks it or gathers its sums, and which maps are computed once more. Nothing in here changes a step;
// docs/backward.md derives why it is enough.
#pragma once

#include <vector>

namespace riffle {

struct Plan;

/// The gradient of a map.
struct MapBackward {
  int gradient_map = -1;   ///< it lies in the gradient of this map, which may be the map itself, ...
  int gradient_row = 0;    ///< ... from this row on: a sum has one gradient with its terms, a concat with its parts
  int recomputed_by = -1;  ///< given up after the forward pass; this step writes it once more, when backward gets there
};

/// What the backward of a step does beside its op.
struct StepBackward {
  bool adds = false;   ///< another step has written the gradient of x already; add to it
  bool masks = false;  ///< x is a ReLU's output, and nobody writes its gradient after this step: zero where off
  int sums_norm = -1;  ///< x's gradient is that of this batch norm's output: gather its sums; −1: it is not
};

/// Backward, steps run from the last to the first.
struct BackwardPlan {
  std::vector<MapBackward> maps;    ///< of each of Plan::maps
  std::vector<StepBackward> steps;  ///< of each of Plan::steps
};

/// Which maps training gives up and computes once more.
enum class Recompute {
  kNothing,
  kEverySecondSum,  ///< of two units in sequence the second one's output, from the first one's: a quarter of the memory
                    ///< for a twentieth of the time
};

/// The backward pass of a training plan, whatever its `backward` holds.
BackwardPlan MakeBackwardPlan(const Plan& forward, Recompute recompute = Recompute::kEverySecondSum);

}  // namespace riffle
