#include "train/update/optimizer.h"

#include <algorithm>

namespace riffle {
namespace {

constexpr int64_t kPieceValues = 1 << 15;  // a fraction of a millisecond

}  // namespace

Optimizer::Optimizer(Device& device, const ParameterRegistry& registry, const OptimizerOptions& options)
    : rule_(*options.rule),
      constants_{.momentum = options.momentum, .eps = options.eps.value_or(rule_.eps)},
      policies_(ParameterPolicies(registry, options.policy)) {
  std::ranges::copy(options.betas.value_or(rule_.betas), constants_.betas.begin());
  for (const std::string_view name : rule_.slots)
    slots_.push_back({name, DeviceArray<float>(device, registry.trainable_arena())});
  for (size_t i = 0; i < policies_.size(); ++i) {
    const Parameter& parameter = registry.trainable()[i];
    if (policies_[i].lr_scale == 0) continue;
    const int64_t most = rule_.whole_parameter ? parameter.size : kPieceValues;
    for (int64_t done = 0; done < parameter.size; done += most)
      pieces_.push_back({i, parameter.offset + done, std::min(most, parameter.size - done)});
  }
}

void Optimizer::Step(const Execution& execution, int64_t update, double lr, const DeviceArray<float>& gradients,
                     DeviceArray<float>* parameters) {
  execution.pool.ParallelFor(static_cast<int64_t>(pieces_.size()), [&](int64_t i) {
    const Piece& piece = pieces_[i];
    UpdateConstants constants = constants_;
    constants.update = update;
    constants.lr = lr * policies_[piece.parameter].lr_scale;
    constants.weight_decay = policies_[piece.parameter].weight_decay;
    UpdateValues values{
        .size = piece.size, .gradient = gradients.data() + piece.begin, .parameter = parameters->data() + piece.begin};
    for (size_t s = 0; s < slots_.size(); ++s) values.slots[s] = slots_[s].values.data() + piece.begin;
    rule_.apply(constants, values);
  });
}

}  // namespace riffle
