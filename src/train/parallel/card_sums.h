// Sums of what lies on the cards of the processes that train together, by NCCL.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend/device.h"
#include "dist/nccl/nccl_sums.h"
#include "model/shared_batch.h"

namespace riffle {

/// Which way gradients go: the option nccl.
enum class NcclUse { kAuto, kOn, kOff };

/// Sums on a queue beside the card's own. The host waits for nothing and takes no part, so that they can be recorded
/// with the ops around them (Device::BeginRecording): by all processes in the same step, whose recordings are then
/// enqueued together. All call the same functions in the same order, by one thread each.
class CardSums final : public StatisticsExchange {
 public:
  /// For the device of each process of a world. Null where `use` is kOff, where a device has no SideQueue, as the CPU,
  /// and unless it is kOn where it is one process or one of them cannot have NCCL: `*note` says why in the last case.
  /// `device` must outlive the sums. Errors: Unavailable, at each the same, where it is kOn and cannot be. Collective.
  static Result<std::unique_ptr<CardSums>> Open(Communicator& world, Device& device, NcclUse use, std::string* note,
                                                const std::string& file = "libnccl.so.2");

  /// Begins to sum values that the ops write that were called so far; those that are called before Join() must leave
  /// them alone, and go on meanwhile.
  template <class T>
  void Begin(std::span<T> values) {
    queue_->Follow();
    sums_->Sum(values, queue_->handle());
    begun_ = true;
  }
  /// What is called on the device from now on finds the sums.
  void Join();

  void Sum(std::span<float> values) override { BeginAndJoin(values); }
  void Sum(std::span<double> values) override { BeginAndJoin(values); }
  /// Ranks may learn of an error in different steps.
  Status status() const override { return sums_->status(); }

  /// Of NCCL: "2.21.5".
  std::string version() const { return sums_->library().Version(); }

 private:
  CardSums(std::unique_ptr<nccl::Sums> sums, std::unique_ptr<SideQueue> queue)
      : sums_(std::move(sums)), queue_(std::move(queue)) {}
  template <class T>
  void BeginAndJoin(std::span<T> values) {
    Begin(values);
    Join();
  }

  const std::unique_ptr<nccl::Sums> sums_;
  const std::unique_ptr<SideQueue> queue_;
  bool begun_ = false;
};

}  // namespace riffle
