#include "train/update/optimizer.h"

#include <algorithm>

namespace riffle {
namespace {

constexpr int64_t kPieceValues = 1 << 15;  // a fraction of a millisecond

/// What learns, in pieces for as many tasks.
std::vector<UpdateRange> RangesOf(const ParameterRegistry& registry, const OptimizerOptions& options) {
  const std::vector<ParameterPolicy> policies = ParameterPolicies(registry, options.policy);
  std::vector<UpdateRange> ranges;
  for (size_t i = 0; i < policies.size(); ++i) {
    const Parameter& parameter = registry.trainable()[i];
    if (policies[i].lr_scale == 0) continue;
    const int64_t most = options.rule->whole_parameter ? parameter.size : kPieceValues;
    for (int64_t done = 0; done < parameter.size; done += most)
      ranges.push_back({.begin = parameter.offset + done,
                        .size = std::min(most, parameter.size - done),
                        .weight_decay = policies[i].weight_decay,
                        .lr_scale = policies[i].lr_scale});
  }
  return ranges;
}

UpdateStep ConstantsOf(const OptimizerOptions& options) {
  UpdateStep step{
      .kind = options.rule->kind, .momentum = options.momentum, .eps = options.eps.value_or(options.rule->eps)};
  std::ranges::copy(options.betas.value_or(options.rule->betas), step.betas.begin());
  return step;
}

}  // namespace

Optimizer::Optimizer(Device& device, const ParameterRegistry& registry, const OptimizerOptions& options,
                     const OpTable<float>& ops)
    : device_(device),
      ops_(ops),
      constants_(ConstantsOf(options)),
      step_(device, 1),
      ranges_(device, RangesOf(registry, options)) {
  for (const std::string_view name : options.rule->slots)
    slots_.push_back({name, DeviceArray<float>(device, registry.trainable_arena_values())});
}

void Optimizer::Prepare(int64_t update, double lr) {
  UpdateStep step = constants_;
  step.lr = lr;
  SetTime(update, &step);
  device_.Upload(step_.data(), &step, sizeof(step));
}

void Optimizer::Step(const Execution& execution, const DeviceArray<float>& gradients, DeviceArray<float>* parameters) {
  Update<float> args{.step = step_.data(),
                     .parameters = parameters->data(),
                     .gradients = gradients.data(),
                     .ranges = ranges_.data(),
                     .range_count = static_cast<int64_t>(ranges_.size())};
  for (size_t s = 0; s < slots_.size(); ++s) args.slots[s] = slots_[s].values.data();
  ops_.update(execution, constants_.kind, args);
}

}  // namespace riffle
