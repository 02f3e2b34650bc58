// Batch norm's running statistics, computed anew for weights that no longer change.
#pragma once

#include <functional>

#include "data/batch.h"
#include "dist/communicator.h"
#include "model/network.h"

namespace riffle {

/// Replaces the running means and variances of `network` by their plain averages over the first `batches` training
/// batches of `epoch`, or all of it if it has fewer. While it trains, the running statistics are those of weights that
/// still moved, and of the last few batches only. As Megvii does at the end (ShuffleNetV1/train.py of
/// megvii-model/ShuffleNet-Series: 1,250 iterations at learning rate 0, with momentum 1/i). Returns the batches that
/// were averaged; `on_batch` sees each, for what it says of its pictures. Errors: those of BatchSource::Next and
/// CheckPictures, the statistics are then of no use. `ops` make pictures where the source leaves that to the device.
/// Collective: each process has a source for its share of the same batches, and counts by its pictures; all have the
/// same averages, and the error of any is that of all.
Result<int64_t> RecalibrateStatistics(int64_t batches, int64_t epoch, BatchSource& source,
                                      TrainingNetwork<float>* network, const OpTable<float>& ops,
                                      const std::function<void(const Batch&)>& on_batch = {},
                                      Communicator& world = ThisProcess());

}  // namespace riffle
