#include "model/backward_plan.h"

#include "model/plan.h"

namespace riffle {
namespace {

// A residual is y = max(0, norm(x) + shortcut), or the rows of x in a concat. ReLU's mask lies in the gradient of y
// already, so what is left is the same for all terms: they share one gradient.
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
    if (step.op != Op::kResidual) continue;
    place(step.x, step);
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
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    if (step.op == Op::kResidual && step.shortcut >= 0 && (*maps)[step.shortcut].recomputed_by < 0)
      (*maps)[step.y].recomputed_by = static_cast<int>(i);
    // Backward begins with the network's last map: no memory is free in between.
    if (step.op == Op::kGlobalAveragePool) (*maps)[step.x].recomputed_by = -1;
  }
}

// Walks through the steps as the backward pass does.
std::vector<StepBackward> BackwardSteps(const Plan& plan, const std::vector<MapBackward>& maps) {
  std::vector<StepBackward> steps(plan.steps.size());
  std::vector<int> writer(plan.maps.size(), -1);  // of the gradient that lies in this map's: the last step so far
  const auto writer_of = [&](int map) -> int& { return writer[maps[map].gradient_map]; };
  for (int i = static_cast<int>(steps.size()) - 1; i >= 0; --i) {
    const Step& step = plan.steps[i];
    if (step.op == Op::kBatchNorm) continue;
    if (step.op == Op::kResidual || step.op == Op::kMaxPool) {
      // All readers of y, which is the output of a ReLU, are done.
      const int last = writer_of(step.y);
      steps[last].masks = true;
      const bool whole = step.op == Op::kResidual && step.channels == plan.maps[step.y].channels;
      if (whole && plan.steps[last].op == Op::kGroupConv) {
        steps[last].sums_norm = step.norm;
        steps[i].sums_gathered = true;
      }
    }
    if (step.op == Op::kResidual || step.x == 0) continue;  // writes no gradient: its terms have y's; the pictures none
    if (step.in_norm >= 0) steps[i] = {.masks = step.in_relu, .sums_norm = step.in_norm};
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
