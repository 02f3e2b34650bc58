// Sums gradients by NCCL, where they lie on the cards.
#pragma once

#include <memory>
#include <string>

#include "backend/execution.h"
#include "dist/nccl/nccl_sums.h"
#include "ops/op_table.h"
#include "train/parallel/gradient_reducer.h"

namespace riffle {

/// Which way gradients go: the option nccl.
enum class NcclUse { kAuto, kOn, kOff };

/// NCCL's sums for the device of each process of a world. Null where `use` is kOff, where a device has no SideQueue, as
/// the CPU, and unless it is kOn where it is one process or one of them cannot have NCCL: `*note` says why in the last
/// case. Errors: Unavailable, at each the same, where it is kOn and cannot be. Collective.
Result<std::unique_ptr<nccl::Sums>> OpenNccl(Communicator& world, Device& device, NcclUse use, std::string* note,
                                             const std::string& file = "libnccl.so.2");

/// Sums on a queue beside that of the backward pass. The host waits for nothing.
class CardGradientReducer final : public GradientReducer {
 public:
  /// The execution's device has a SideQueue, and is that of `sums`. `ops` must outlive the reducer.
  CardGradientReducer(std::unique_ptr<nccl::Sums> sums, const Execution& execution, const OpTable<float>& ops,
                      const ParameterRegistry& registry, int64_t from = 0);

  void Average(DeviceArray<float>* values, double weight) override;
  Status Wait() override;
  Status Health() const override { return sums_->status(); }

 private:
  void Send(int64_t begin, int64_t size) override;
  void Sum(float* values, int64_t count);

  const std::unique_ptr<nccl::Sums> sums_;
  const Execution execution_;
  const OpTable<float>& ops_;
  const std::unique_ptr<SideQueue> queue_;
  DeviceArray<float>* averaged_ = nullptr;
  DeviceArray<float> average_;
  DeviceArray<double> weight_;
};

}  // namespace riffle
