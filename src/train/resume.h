// Going on with a run: what has to be the same, what may differ and is said, and the record that keeps both.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/options.h"

namespace riffle {

/// InvalidArgument if the classes, the network or the averages of the run `here` are not the checkpoint's: names what
/// differs and what to do.
Status CheckSameRun(const Checkpoint& checkpoint, const CheckpointInfo& here, const Options& options);

/// The best validation so far, for a run that goes on: that of the best checkpoint in its folder.
struct BestSoFar {
  std::optional<double> top1_percent;  ///< none: the next validation is the best
  std::string line;                    ///< for people, where it is not what the resumed checkpoint says; or ""
  bool set_aside = false;              ///< the file's figure does not count, and the next best would replace it
};

/// Looks at the best checkpoint in `folder`. It does not count for the run `here` if it was measured otherwise, is not
/// there or cannot be read. One of an epoch after `checkpoint` counts: the run was there before. Figures without a
/// ValidationSetup are taken as they are.
BestSoFar FindBest(const Checkpoint& checkpoint, const CheckpointInfo& here, const std::filesystem::path& folder);

/// What goes on otherwise than before.
struct ResumedRecord {
  std::vector<std::string> lines;  ///< for people, one for each option whose value differs, and for the training set
  std::string yaml;                ///< of `options`, after a comment for each value that was valid before
  Options options;                 ///< those that are valid from now on
};

/// Compares the options, and the training pictures, with the checkpoint's record, as OptionRow::on_resume says. Options
/// that count at the start of a run only are recorded as they were then. Options that the record does not know are not
/// compared. Errors: those of ReadOptionsYaml.
Result<ResumedRecord> ContinueRecord(const Checkpoint& checkpoint, const CheckpointInfo& here,
                                     const Settings& settings);

}  // namespace riffle
