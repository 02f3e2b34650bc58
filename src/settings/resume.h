// Going on with a run by its record: what may differ and is said, and the record that keeps both.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "settings/settings.h"

namespace riffle {

/// What goes on otherwise than before.
struct ResumedRecord {
  std::vector<std::string> lines;  ///< for people, one for each option whose value differs, and for the training set
  std::string yaml;                ///< of `options`, after a comment for each value that was valid before
  Options options;                 ///< those that are valid from now on
};

/// Compares the options, and the training pictures, with the checkpoint's record, as OptionRow::on_resume says. Options
/// that count at the start of a run only, and those on which no result depends, are recorded as they were then. Options
/// that the record does not know are not compared. Errors: those of ReadOptionsYaml; InvalidArgument where the
/// checkpoint lies within an epoch, and an option or the training pictures would give that epoch other batches.
Result<ResumedRecord> ContinueRecord(const Checkpoint& checkpoint, const CheckpointInfo& here,
                                     const Settings& settings);

}  // namespace riffle
