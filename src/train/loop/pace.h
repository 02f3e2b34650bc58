// How fast a loop over batches goes, from a few of them.
#pragma once

#include <functional>

#include "data/batch.h"

namespace riffle {

struct Pace {
  double seconds_per_batch = 0;
  double images_per_second = 0;
  double waiting_share = 0;  ///< of the time, for data
};

/// Does `work` on batches from the source's first on, over and over where they are few: two that are not counted, since
/// they find cold memory and prefetched pictures, then more for two seconds, at least three. Errors: those of
/// BatchSource::Next and of `work`. Collective: as many batches at all processes, by the clock of the first.
Result<Pace> MeasurePace(BatchSource& source, const std::function<Status(const Batch&)>& work,
                         Communicator& world = ThisProcess());

}  // namespace riffle
