// `riffle export --check`: runs what was exported by another program, and compares its logits for one picture with the
// session's; what cannot be run is read back, and compared as it is.
#pragma once

#include "cli/export_formats.h"

namespace riffle {

// The largest difference, as a share of the largest number compared. Errors: Unavailable where the format's program is
// not installed, DataLoss where it does not take the file; those of reading and of running programs.

/// By the C compiler `cc`.
Result<double> CheckC(const ExportJob& job, const Exported& exported);
/// By PyTorch for `python3`, which reads all tensors.
Result<double> CheckTorch(const ExportJob& job, const Exported& exported);
/// By reading the checkpoint again.
Result<double> CheckSafetensors(const ExportJob& job, const Exported& exported);

}  // namespace riffle
