// Gradients of processes that share a batch: summed in parts while backward still computes the others.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <queue>
#include <span>
#include <thread>
#include <vector>

#include "base/status.h"
#include "dist/communicator.h"
#include "model/parameters.h"
#include "model/shared_batch.h"

namespace riffle {

/// The arena of gradients is cut into a few buckets; one thread, with a communicator of its own, sums each of them as
/// soon as all of it is final, the last one first. All ranks call the same functions in the same order, by one thread
/// each.
class GradientReducer : public GradientListener {
 public:
  /// Buckets of one arena: fewer hide less behind backward, more cost more latency.
  static constexpr int kBuckets = 4;

  /// For gradients in the arena of `registry`, from the value `from` on; those before it stay as they are. `device`
  /// must outlive the reducer. Errors: those of Duplicate.
  static Result<std::unique_ptr<GradientReducer>> Create(Communicator& world, Device& device,
                                                         const ParameterRegistry& registry, int64_t from = 0);
  ~GradientReducer() override;

  /// Of these the following OnFinal tells, until Wait; they must stay where they are.
  void Begin(DeviceArray<float>* gradients);
  /// Sends on its way what is complete.
  void OnFinal(int64_t from) override;

  /// values := Σ weight · values over all ranks, on the same way; they must stay as they are until Wait.
  void Average(DeviceArray<float>* values, double weight);

  /// Returns when all that was begun is done, and where it belongs. Unavailable where a process is lost.
  Status Wait();

  /// Of the life so far: what the thread spent in sums, and the caller in Wait for them. What is hidden is the
  /// difference.
  double communicating_seconds() const;
  double waiting_seconds() const { return waiting_seconds_; }

 private:
  GradientReducer(std::unique_ptr<Communicator> own, Device& device, std::vector<int64_t> cuts);
  void Send(std::span<float> values);
  void Work();

  const std::unique_ptr<Communicator> communicator_;  // of the thread
  Device& device_;
  const std::vector<int64_t> cuts_;  // bucket k is [cuts_[k], cuts_[k + 1])
  size_t unsent_ = 0;                // buckets before this one are not complete
  DeviceArray<float>* gradients_ = nullptr;
  std::vector<float> gradients_on_host_;  // where the host cannot read the device's memory
  DeviceArray<float>* averaged_ = nullptr;
  std::vector<float> average_;
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
