// The folder of a run: what is found there, and what must not be lost.
#pragma once

#include <filesystem>
#include <optional>

#include "report/log.h"
#include "train/checkpoint.h"

namespace riffle {

/// Opens what --ckpt_path means; says so where that is another file than the one named (ResolveCheckpointPath).
Result<Checkpoint> OpenCheckpoint(const std::filesystem::path& asked, Log& log);

/// The newest whole checkpoint of a model; damaged ones are named and passed over. None: there is none.
/// Errors: what was read is whole, but no checkpoint of this program.
Result<std::optional<Checkpoint>> NewestCheckpoint(const std::filesystem::path& folder, const ModelDescription& model,
                                                   Log& log);

/// Makes the folder. Unless `resuming`, the files of an earlier run there move to a subfolder "run-1", "run-2", ...,
/// and a line says so.
Status PrepareRunFolder(const std::filesystem::path& folder, bool resuming, Log& log);

}  // namespace riffle
