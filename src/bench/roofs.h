// All roofs of the machine: for `riffle bench peak`.
#pragma once

#include "bench/report.h"

namespace riffle {

/// On so many threads. Takes about `seconds`. The instruction set in use is the same afterwards. Errors: as
/// ForceTarget.
Result<Roofs> MeasureRoofs(int threads, double seconds);

}  // namespace riffle
