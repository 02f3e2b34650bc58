#include "train/loop/recalibrate.h"

#include <algorithm>
#include <vector>

#include "train/batch_check.h"
#include "train/batch_input.h"

namespace riffle {

Result<int64_t> RecalibrateStatistics(int64_t batches, int64_t epoch, BatchSource& source,
                                      TrainingNetwork<float>* network, const OpTable<float>& ops,
                                      const std::function<void(const Batch&)>& on_batch, Communicator& world) {
  batches = std::min(batches, source.BatchesPerEpoch());
  std::vector<float> statistics(network->values().statistics.size());  // of a batch
  std::vector<double> sums(statistics.size());
  BatchInput input(network->execution(), ops);
  source.Seek({.epoch = epoch, .batch = 0});
  const double kept = network->bn_momentum();
  for (int64_t b = 0; b < batches; ++b) {
    const Result<const Batch*> next = source.Next();
    RIFFLE_TRY(world.Agree(next.ok() ? CheckPictures(**next, network->plan().model) : next.status()));
    const Batch* const batch = *next;
    if (on_batch) on_batch(*batch);
    network->SetBnMomentum(0);  // the running statistics become those of the batch
    network->Forward({batch->images, batch->global_images()}, input.PicturesOf(*batch), Statistics::kBatch);
    network->SetBnMomentum(kept);
    network->values().statistics.Download(statistics);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += batch->share() * statistics[i];
  }
  RIFFLE_TRY(world.Agree(network->execution().device.Health()));
  RIFFLE_TRY(world.Sum(sums));
  for (size_t i = 0; i < sums.size(); ++i) statistics[i] = static_cast<float>(sums[i] / static_cast<double>(batches));
  network->values().statistics.Upload(statistics);
  return batches;
}

}  // namespace riffle
