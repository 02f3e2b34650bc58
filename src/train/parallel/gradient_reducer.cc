#include "train/parallel/gradient_reducer.h"

namespace riffle {
namespace {

/// Where the arena is cut from `from` on: at parameters, into parts of about the same size.
std::vector<int64_t> Cuts(const ParameterRegistry& registry, int64_t from) {
  const int64_t end = registry.trainable_arena_values(), size = (end - from) / GradientReducer::kBuckets;
  std::vector<int64_t> cuts = {from};
  for (const Parameter& p : registry.trainable())
    if (p.offset > from && p.offset - cuts.back() >= size) cuts.push_back(p.offset);
  cuts.push_back(end);
  return cuts;
}

}  // namespace

GradientReducer::GradientReducer(const ParameterRegistry& registry, int64_t from) : cuts_(Cuts(registry, from)) {}

void GradientReducer::Begin(DeviceArray<float>* gradients) {
  gradients_ = gradients;
  unsent_ = cuts_.size() - 1;
}

void GradientReducer::OnFinal(int64_t from) {
  for (; unsent_ > 0 && from <= cuts_[unsent_ - 1]; --unsent_)
    Send(cuts_[unsent_ - 1], cuts_[unsent_] - cuts_[unsent_ - 1]);
}

}  // namespace riffle
