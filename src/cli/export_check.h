// `riffle export --check`: runs what was exported, and compares its logits for one picture with the session's.
#pragma once

#include "cli/export_formats.h"

namespace riffle {

// The largest difference, as a share of the largest number compared. Errors: Unavailable where the format's program is
// not installed, DataLoss where it does not take the file; those of reading and of running programs.

/// By the C compiler `cc`.
Result<double> CheckC(const ExportJob& job, const Exported& exported);
/// Reads the checkpoint back.
Result<double> CheckSafetensors(const ExportJob& job, const Exported& exported);

}  // namespace riffle
