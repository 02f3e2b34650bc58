// Synchronised batch norm: the statistics of a batch over the pictures of all processes that share it.
#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"
#include "dist/communicator.h"
#include "model/shared_batch.h"

namespace riffle {

/// One message a batch norm each way. Means and variances of the ranks are combined in double precision and in the
/// order of the ranks, weighted by their pixels, which may differ: every rank has the same bits. An error stays, after
/// which values remain as they are: whoever runs the network asks for it.
class SyncedStatistics : public StatisticsExchange<float> {
 public:
  /// `world` must outlive it, and is used by the thread that runs the network.
  explicit SyncedStatistics(Communicator& world) : world_(world) {}

  int64_t Combine(int64_t pixels, std::span<Moments<float>> moments) override;
  void Add(std::span<GradientSums<float>> sums) override;

  const Status& status() const { return status_; }

 private:
  /// What all ranks say, one after another.
  bool Gather(std::span<const std::byte> own);

  Communicator& world_;
  Status status_;
  std::vector<std::byte> own_, all_;
};

}  // namespace riffle
