#include "model/backward_plan.h"

#include <algorithm>

#include "model/plan.h"

namespace riffle {
namespace {

// A sum is y = max(0, a convolution's output + shortcut), and a small stem's output y = max(0, norm(x)). ReLU's mask
// lies in the gradient of y already, so what is left is the same for all terms: they share one gradient.
void PlaceGradients(const Plan& plan, std::vector<MapBackward>* maps) {
  const int count = static_cast<int>(plan.maps.size());
  maps->resize(count);
  for (int m = 0; m < count; ++m) {
    const Map& map = plan.maps[m];
    (*maps)[m].gradient_map = map.stored_in >= 0 ? map.stored_in : m;
    (*maps)[m].gradient_row = map.stored_row;
  }
  const auto place = [&](int map, const Step& step) {
    (*maps)[map].gradient_map = step.y;
    (*maps)[map].gradient_row = step.y_row;
  };
  for (const Step& step : plan.steps) {
    if (step.op == Op::kRelu) place(step.x, step);
    if (step.shortcut >= 0) place(step.shortcut, step);
  }
  // A sum may be a term of the next one. Sums come behind their terms, so they are at their place before those ask.
  for (int m = count - 1; m >= 0; --m) {
    MapBackward& map = (*maps)[m];
    if (map.gradient_map == m) continue;
    const MapBackward& holder = (*maps)[map.gradient_map];
    map.gradient_map = holder.gradient_map;
    map.gradient_row += holder.gradient_row;
  }
}

void RecomputeEverySecondSum(const Plan& plan, std::vector<MapBackward>* maps) {
  // Backward begins with the last stage: while its maps were computed once more, those of all others would be there.
  const auto pool = std::ranges::find(plan.steps, Op::kGlobalAveragePool, &Step::op);
  const int64_t last_area = plan.maps[pool->x].area();
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    if (step.shortcut >= 0 && plan.maps[step.y].area() > last_area && (*maps)[step.shortcut].recomputed_by < 0)
      (*maps)[step.y].recomputed_by = static_cast<int>(i);
  }
}

// Walks through the steps as the backward pass does.
std::vector<StepBackward> BackwardSteps(const Plan& plan, const std::vector<MapBackward>& maps) {
  std::vector<StepBackward> steps(plan.steps.size());
  std::vector<int> writer(plan.maps.size(), -1);  // of the gradient that lies in this map's: the last step so far
  const auto writer_of = [&](int map) -> int& { return writer[maps[map].gradient_map]; };
  for (int i = static_cast<int>(steps.size()) - 1; i >= 0; --i) {
    const Step& step = plan.steps[i];
    if (step.x == step.y) continue;  // batch norms and Gram matrices
    if (step.op == Op::kRelu || step.op == Op::kMaxPool || step.relu) {
      // All readers of y, which is the output of a ReLU, are done.
      const int last = writer_of(step.y);
      steps[last].masks = true;
      if (step.op == Op::kRelu) steps[last].sums_norm = step.norm;
    }
    if (step.op == Op::kRelu || step.x == 0) continue;  // writes no gradient: its terms have y's; the pictures none
    if (step.in_norm >= 0 && !step.relu) steps[i] = {.masks = step.in_relu, .sums_norm = step.in_norm};
    steps[i].adds = writer_of(step.x) >= 0;
    writer_of(step.x) = i;
  }
  return steps;
}

}  // namespace

BackwardPlan MakeBackwardPlan(const Plan& forward, Recompute recompute) {
  BackwardPlan backward;
  PlaceGradients(forward, &backward.maps);
  if (recompute == Recompute::kEverySecondSum) RecomputeEverySecondSum(forward, &backward.maps);
  backward.steps = BackwardSteps(forward, backward.maps);
  return backward;
}

}  // namespace riffle
