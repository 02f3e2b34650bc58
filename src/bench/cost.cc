#include "bench/cost.h"

#include <algorithm>

namespace riffle {
namespace {

double ValuesIn(const Plan& plan, const Step& step, int64_t images) {
  const Map& x = plan.maps[step.x];
  // A pool of a part of the map reads that part only.
  const bool by_channel = step.op != Op::kStemConv && step.op != Op::kGroupConv && step.op != Op::kLinear;
  return static_cast<double>(images * x.area() * (by_channel ? step.channels : x.channels));
}

double ForwardValues(const Step& step, double x, double y, double weights) {
  // A few numbers a channel; the maps are normalised by those who load them.
  if (IsNorm(step)) return 0;
  if (step.op == Op::kGram) return x;
  return x + y + weights + (step.shortcut >= 0 ? y : 0);
}

double BackwardValues(const Plan& plan, const Step& step, const StepBackward& backward, double x, double y,
                      double weights) {
  const double dy = plan.BackwardReadsOutput(step) ? 2 * y : y;
  // Written, or read and written; and the raw map that its sums take, where that is not x.
  const bool raw = backward.sums_norm >= 0 && plan.norms[backward.sums_norm].raw != step.x;
  const double dx = (backward.adds ? 2 * x : x) + (raw ? x : 0);
  switch (step.op) {
    case Op::kBatchNorm:
    case Op::kProductNorm:
      return 0;
    case Op::kGram:
      return 3 * x;  // the raw map is read, its gradient read and written
    case Op::kStemConv:
      return dy + x + weights;
    case Op::kGroupConv:
    case Op::kDepthwiseConv:
    case Op::kLinear:
      return dy + x + dx + 2 * weights;
    case Op::kAveragePool:
      return y + x;
    case Op::kMaxPool:
    case Op::kGlobalAveragePool:
      return y + 2 * x;
    case Op::kRelu:
      return 0;  // whoever wrote y's gradient has done it
  }
  return 0;
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  flops += other.flops;
  bytes += other.bytes;
  return *this;
}

Cost StepCost(const Plan& plan, size_t index, Pass pass, int64_t images) {
  const Step& step = plan.steps[index];
  const double x = ValuesIn(plan, step, images);
  const double y = static_cast<double>(images * plan.maps[step.y].area() * step.channels);
  const double weights =
      step.weight < 0 ? 0 : static_cast<double>(plan.registry.trainable()[static_cast<size_t>(step.weight)].size);
  const double product = 2.0 * static_cast<double>(plan.Macs(step) * images);
  if (pass == Pass::kForward) return {product, sizeof(float) * ForwardValues(step, x, y, weights)};
  return {step.op == Op::kStemConv ? product : 2 * product,
          sizeof(float) * BackwardValues(plan, step, plan.backward.steps[index], x, y, weights)};
}

Cost PassCost(const Plan& plan, Pass pass, int64_t images) {
  Cost sum;
  for (size_t i = 0; i < plan.steps.size(); ++i) sum += StepCost(plan, i, pass, images);
  return sum;
}

Cost TrainingCost(const Plan& plan, int64_t images) {
  Cost sum = PassCost(plan, Pass::kForward, images);
  return sum += PassCost(plan, Pass::kBackward, images);
}

double FloorSeconds(const Cost& cost, double peak_gflops, double bandwidth_gbps) {
  return 1e-9 * std::max(cost.flops / peak_gflops, cost.bytes / bandwidth_gbps);
}

}  // namespace riffle
