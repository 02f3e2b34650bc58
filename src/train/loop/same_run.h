// Whether a run can go on after a checkpoint, and whether its best validation still counts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"

namespace riffle {

/// InvalidArgument if the classes, the network or the averages of the run `here` are not the checkpoint's: names what
/// differs and what to do. `averages`: whether this run keeps an average.
Status CheckSameRun(const Checkpoint& checkpoint, const CheckpointInfo& here, bool averages);

/// The best validation so far, for a run that goes on: that of the best checkpoint in its folder.
struct BestSoFar {
  std::optional<double> top1_percent;  ///< none: the next validation is the best
  std::string line;                    ///< for people, where it is not what the resumed checkpoint says; or ""
  bool set_aside = false;              ///< the file's figure does not count, and the next best would replace it
};

/// Looks at the best checkpoint in `folder`. It does not count for the run `here` if it was measured otherwise, is not
/// there or cannot be read. One of an epoch after `checkpoint` counts: the run was there before. Where the validation
/// of the checkpoint's epoch is still to come, the best is what it was before. Figures without a ValidationSetup are
/// taken as they are.
BestSoFar FindBest(const Checkpoint& checkpoint, const CheckpointInfo& here, const std::filesystem::path& folder);

}  // namespace riffle
