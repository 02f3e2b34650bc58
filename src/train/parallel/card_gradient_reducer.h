// Sums gradients where they lie on the cards.
#pragma once

#include "backend/execution.h"
#include "ops/op_table.h"
#include "train/parallel/card_sums.h"
#include "train/parallel/gradient_reducer.h"

namespace riffle {

/// Sums beside the backward pass, on the queue of CardSums. Only SetShare is not enqueued as ops are.
class CardGradientReducer final : public GradientReducer {
 public:
  /// `sums`, which are those of the execution's device, and `ops` must outlive the reducer.
  CardGradientReducer(CardSums& sums, const Execution& execution, const OpTable<float>& ops,
                      const ParameterRegistry& registry, int64_t from = 0);

  void SetShare(double share) override;
  void Average(DeviceArray<float>* values) override;
  Status Wait() override;
  Status Health() const override { return sums_.status(); }

 private:
  void Send(int64_t begin, int64_t size) override;

  CardSums& sums_;
  const Execution execution_;
  const OpTable<float>& ops_;
  DeviceArray<float>* averaged_ = nullptr;
  DeviceArray<float> average_;
  DeviceArray<double> share_;
};

}  // namespace riffle
