// Synchronised batch norm by the host: what is summed passes through its memory.
#pragma once

#include "backend/device.h"
#include "base/status.h"
#include "dist/communicator.h"
#include "model/shared_batch.h"

namespace riffle {

/// Sums of a communicator, in the order of the ranks. The host waits for the ops before each.
class SyncedStatistics final : public StatisticsExchange {
 public:
  /// Both must outlive it; the thread that runs the network uses `world`.
  SyncedStatistics(Communicator& world, Device& device) : world_(world), device_(device) {}

  void Sum(std::span<float> values) override { SumOf(values); }
  void Sum(std::span<double> values) override { SumOf(values); }
  Status status() const override { return status_; }

 private:
  template <class T>
  void SumOf(std::span<T> values);

  Communicator& world_;
  Device& device_;
  Status status_;
};

}  // namespace riffle
