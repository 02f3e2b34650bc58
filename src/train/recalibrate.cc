#include "train/recalibrate.h"

#include <algorithm>
#include <vector>

namespace riffle {

Result<int64_t> RecalibrateStatistics(int64_t batches, int64_t epoch, Loader& loader, Network<float>* network,
                                      const std::function<void(const Batch&)>& on_batch) {
  batches = std::min(batches, loader.BatchesPerEpoch());
  AlignedArray<float>& statistics = network->values().statistics;
  std::vector<double> sums(statistics.size());
  loader.Seek({.epoch = epoch, .batch = 0});
  const double kept = network->bn_momentum();
  for (int64_t b = 0; b < batches; ++b) {
    RIFFLE_ASSIGN(const Batch* batch, loader.Next());
    if (on_batch) on_batch(*batch);
    network->SetBnMomentum(0);  // the running statistics become those of the batch
    network->Forward(batch->images, batch->pixels, Statistics::kBatch);
    network->SetBnMomentum(kept);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += statistics[i];
  }
  for (size_t i = 0; i < sums.size(); ++i) statistics[i] = static_cast<float>(sums[i] / static_cast<double>(batches));
  return batches;
}

}  // namespace riffle
