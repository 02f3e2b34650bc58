#include "train/parallel/card_gradient_reducer.h"

namespace riffle {

CardGradientReducer::CardGradientReducer(CardSums& sums, const Execution& execution, const OpTable<float>& ops,
                                         const ParameterRegistry& registry, int64_t from)
    : GradientReducer(registry, from), sums_(sums), execution_(execution), ops_(ops), share_(execution.device, 1) {}

void CardGradientReducer::Send(int64_t begin, int64_t size) {
  sums_.Begin(std::span(gradients()->data() + begin, static_cast<size_t>(size)));
}

void CardGradientReducer::SetShare(double share) { execution_.device.Upload(share_.data(), &share, sizeof(share)); }

// Weighted where it is not trained on: `values` are read by ops that follow.
void CardGradientReducer::Average(DeviceArray<float>* values) {
  averaged_ = values;
  average_.Reserve(execution_.device, values->size());
  average_.Zero();
  ops_.approach(execution_, static_cast<int64_t>(values->size()),
                {.average = average_.data(), .values = values->data(), .share = share_.data()});
  sums_.Begin(std::span(average_.data(), values->size()));
}

Status CardGradientReducer::Wait() {
  sums_.Join();
  if (averaged_) averaged_->CopyFrom(average_);
  averaged_ = nullptr;
  Done();
  return {};
}

}  // namespace riffle
