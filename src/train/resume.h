// Going on with a run: what has to be the same, what may differ and is said, and the record that keeps both.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/options.h"

namespace riffle {

/// InvalidArgument if the classes, the network or the averages of the run `here` are not the checkpoint's: names what
/// differs and what to do.
Status CheckSameRun(const Checkpoint& checkpoint, const CheckpointInfo& here, const Options& options);

/// Why the best validation so far is none for the run `here`: it was measured otherwise, or its checkpoint does not lie
/// in `folder`. Empty if it is the best still, or there is none. Figures without a ValidationSetup are taken as they
/// are.
std::string WhyTheBestStartsAnew(const Checkpoint& checkpoint, const CheckpointInfo& here,
                                 const std::filesystem::path& folder);

/// What goes on otherwise than before.
struct ResumedRecord {
  std::vector<std::string> lines;  ///< for people, one for each option whose value differs, and for the training set
  std::string yaml;                ///< of `options`, after a comment for each value that was valid before
};

/// Compares the options, and the number of training pictures, with the checkpoint's record, as OptionRow::on_resume
/// says. Options that count at the start of a run only are recorded as they were then. Options that the record does not
/// know are not compared. Errors: those of ReadOptionsYaml.
Result<ResumedRecord> ContinueRecord(const Checkpoint& checkpoint, const CheckpointInfo& here, Options options);

}  // namespace riffle
