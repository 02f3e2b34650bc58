#include "train/update/gradients.h"

#include <algorithm>
#include <vector>

namespace riffle {
namespace {

std::vector<ArenaRange> LearningRanges(const ParameterRegistry& registry, std::span<const ParameterPolicy> policies) {
  std::vector<ArenaRange> ranges;
  for (size_t i = 0; i < policies.size(); ++i) {
    const Parameter& parameter = registry.trainable()[i];
    if (policies[i].lr_scale != 0) ranges.push_back({.begin = parameter.offset, .size = parameter.size});
  }
  return ranges;
}

}  // namespace

UpdateGroup GroupOf(int64_t batch, int64_t batches_per_epoch, int64_t batches_per_update) {
  const int64_t index = batch % batches_per_update, first = batch - index;
  return {.index = index, .size = std::min(batches_per_update, batches_per_epoch - first)};
}

NormClip::NormClip(Device& device, const ParameterRegistry& registry, std::span<const ParameterPolicy> policies,
                   double max_norm, const OpTable<float>& ops)
    : ops_(ops),
      max_norm_(max_norm),
      ranges_(device, LearningRanges(registry, policies)),
      squares_(device, ranges_.size()) {}

void NormClip::Clip(const Execution& execution, DeviceArray<float>* gradients) {
  const auto ranges = static_cast<int64_t>(ranges_.size());
  ops_.squared_norms(execution, ranges,
                     {.squares = squares_.data(), .values = gradients->data(), .ranges = ranges_.data()});
  ops_.clip_norm(
      execution, static_cast<int64_t>(gradients->size()),
      {.values = gradients->data(), .squares = squares_.data(), .square_count = ranges, .max_norm = max_norm_});
}

}  // namespace riffle
