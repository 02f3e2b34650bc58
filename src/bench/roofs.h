// All roofs of the machine: for `riffle bench peak`.
#pragma once

#include "backend/threads.h"
#include "bench/report.h"

namespace riffle {

/// On all threads of the pool, and on one. Takes about `seconds`. The instruction set in use is the same afterwards.
/// Errors: as ForceTarget.
Result<Roofs> MeasureRoofs(ThreadPool& all_threads, double seconds);

}  // namespace riffle
