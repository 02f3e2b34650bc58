// All roofs of the machine: for `riffle bench peak`.
#pragma once

#include "bench/report.h"

namespace riffle {

/// Takes about `seconds`. The instruction set in use is the same afterwards. Errors: as ForceTarget.
Result<Roofs> MeasureRoofs(double seconds);

}  // namespace riffle
