// Whether a run can go on after a checkpoint, and whether its best validation still counts.
#pragma once

#include <filesystem>
#include <string>

#include "checkpoint/checkpoint.h"

namespace riffle {

/// InvalidArgument if the classes, the network or the averages of the run `here` are not the checkpoint's: names what
/// differs and what to do. `averages`: whether this run keeps an average.
Status CheckSameRun(const Checkpoint& checkpoint, const CheckpointInfo& here, bool averages);

/// Why the best validation so far is none for the run `here`: it was measured otherwise, or its checkpoint does not lie
/// in `folder`. Empty if it is the best still, or there is none. Figures without a ValidationSetup are taken as they
/// are.
std::string WhyTheBestStartsAnew(const Checkpoint& checkpoint, const CheckpointInfo& here,
                                 const std::filesystem::path& folder);

}  // namespace riffle
