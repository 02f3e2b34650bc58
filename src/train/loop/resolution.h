// Resolution schedules: training on small pictures first, and on large ones at the end, as FFCV does.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// From this epoch (from 0) on, pictures of size × size pixels.
struct ResolutionStep {
  int epoch = 0;
  int size = 0;
  bool operator==(const ResolutionStep&) const = default;
};

/// "0:128,60:160,80:224", pairs epoch:size; an empty text is no schedule and gives no steps. InvalidArgument unless the
/// epochs begin at 0 and rise, and the sizes are 8 to 4096 pixels.
Result<std::vector<ResolutionStep>> ParseResolutionSchedule(std::string_view text);

/// The size in `epoch`, from 0. REQUIRES: steps, as ParseResolutionSchedule gives them, and not empty.
int ResolutionAt(const std::vector<ResolutionStep>& steps, int epoch);

}  // namespace riffle
