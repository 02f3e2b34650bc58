#include "train/parallel/card_gradient_reducer.h"

#include <algorithm>
#include <utility>

namespace riffle {

Result<std::unique_ptr<nccl::Sums>> OpenNccl(Communicator& world, Device& device, NcclUse use, std::string* note,
                                             const std::string& file) {
  std::unique_ptr<nccl::Sums> none;
  if (use == NcclUse::kOff || (use == NcclUse::kAuto && world.size() == 1)) return none;
  const bool has_queue = device.OpenSideQueue() != nullptr;
  Result<std::shared_ptr<const nccl::Library>> library =
      Unavailable("NCCL sums between graphics cards, and {} computes", device.Name());
  if (has_queue) library = nccl::Library::Load(file);
  const Status everywhere = world.Agree(library.status());
  if (everywhere.ok()) return nccl::Sums::Create(*library, world, [&device] { device.Use(); });
  if (use == NcclUse::kOn) return Status(everywhere).In("option nccl=on");
  if (has_queue) *note = "Gradients are summed by MPI, through the host's memory: " + everywhere.message();
  return none;
}

CardGradientReducer::CardGradientReducer(std::unique_ptr<nccl::Sums> sums, const Execution& execution,
                                         const OpTable<float>& ops, const ParameterRegistry& registry, int64_t from)
    : GradientReducer(registry, from),
      sums_(std::move(sums)),
      execution_(execution),
      ops_(ops),
      queue_(execution.device.OpenSideQueue()),
      weight_(execution.device, 1) {}

void CardGradientReducer::Send(int64_t begin, int64_t size) { Sum(gradients()->data() + begin, size); }

// Weighted where it is not trained on: `values` are read by ops that follow.
void CardGradientReducer::Average(DeviceArray<float>* values, double weight) {
  Device& device = execution_.device;
  averaged_ = values;
  average_.Reserve(device, values->size());
  average_.Zero();
  device.Upload(weight_.data(), &weight, sizeof(weight));
  const auto count = static_cast<int64_t>(values->size());
  ops_.approach(execution_, count, {.average = average_.data(), .values = values->data(), .share = weight_.data()});
  Sum(average_.data(), count);
}

Status CardGradientReducer::Wait() {
  queue_->Join();
  if (averaged_) averaged_->CopyFrom(average_);
  averaged_ = nullptr;
  Done();
  return {};
}

void CardGradientReducer::Sum(float* values, int64_t count) {
  queue_->Follow();
  sums_->Sum({values, static_cast<size_t>(count)}, queue_->handle());
}

}  // namespace riffle
