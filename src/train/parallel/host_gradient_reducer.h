// Sums gradients by a communicator, in the host's memory: those of a device with memory of its own pass through it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <queue>
#include <span>
#include <thread>
#include <vector>

#include "dist/communicator.h"
#include "train/parallel/gradient_reducer.h"

namespace riffle {

/// One thread, with a communicator of its own, makes the sums.
class HostGradientReducer final : public GradientReducer {
 public:
  /// `device` must outlive the reducer. Errors: those of Duplicate. Collective.
  static Result<std::unique_ptr<HostGradientReducer>> Create(Communicator& world, Device& device,
                                                             const ParameterRegistry& registry, int64_t from = 0);
  ~HostGradientReducer() override;

  void SetShare(double share) override { share_ = share; }
  void Average(DeviceArray<float>* values) override;
  /// Returns when all that was begun is done.
  Status Wait() override;

  /// Of the life so far: what the thread spent in sums, and the caller in Wait for them. What is hidden is the
  /// difference.
  double communicating_seconds() const;
  double waiting_seconds() const { return waiting_seconds_; }

 private:
  HostGradientReducer(std::unique_ptr<Communicator> own, Device& device, const ParameterRegistry& registry,
                      int64_t from);
  void Send(int64_t begin, int64_t size) override;
  void Send(std::span<float> values);
  void Work();

  const std::unique_ptr<Communicator> communicator_;  // of the thread
  Device& device_;
  StagingArray<float> gradients_on_host_;  // where the host cannot read the device's memory
  DeviceArray<float>* averaged_ = nullptr;
  std::vector<float> average_;
  double share_ = 1;
  double waiting_seconds_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<std::span<float>> queue_;  // the first one is being summed
  Status failure_;                      // of the first sum that failed; the others are then left
  double communicating_seconds_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace riffle
