// The folder of a run: what is found there, and what must not be lost.
#pragma once

#include <filesystem>
#include <optional>

#include "checkpoint/checkpoint.h"
#include "report/log.h"

namespace riffle {

/// Opens what --ckpt_path means; says so where that is another file than the one named (ResolveCheckpointPath).
Result<Checkpoint> OpenCheckpoint(const std::filesystem::path& asked, Log& log);

/// The newest whole checkpoint of a model; damaged ones are named and passed over. None: there is none.
/// Errors: what was read is whole, but no checkpoint of this program.
Result<std::optional<Checkpoint>> NewestCheckpoint(const std::filesystem::path& folder, const ModelDescription& model,
                                                   Log& log);

/// Makes the folder. Unless the run there is `resumed`, its files move to a subfolder "run-1", "run-2", ..., and a line
/// says so. Files that no run writes stay. Errors: IoError.
Status PrepareRunFolder(const std::filesystem::path& folder, bool resumed, Log& log);

}  // namespace riffle
