// The folder of a run: what is found there, and what must not be lost.
#pragma once

#include <filesystem>
#include <optional>

#include "base/file_lock.h"
#include "checkpoint/checkpoint.h"
#include "report/log.h"

namespace riffle {

/// The network of the run in a folder, that one's of its checkpoints which is read first; none: there are none that can
/// be read.
std::optional<ModelDescription> NetworkOfRun(const std::filesystem::path& folder, const ModelDescription& model);

/// Makes the folder and takes its lock, which keeps a second run out. IoError names the process that has it. A line
/// where the file system knows no locks.
Result<FileLock> LockRunFolder(const std::filesystem::path& folder, Log& log);

/// Says in one line that the run no longer has its folder to itself. Errors: IoError.
Status CheckStillOurs(const FileLock& lock, const std::filesystem::path& folder);

/// The newest whole checkpoint of a model, numbered or the best; what is damaged or no file is named and passed over.
/// None: nothing there can be resumed. Errors: DataLoss where all are damaged; InvalidArgument where there are only
/// those of other models, or of a run that was moved to run-1, run-2, ...; what was read is whole, but no checkpoint of
/// this program.
Result<std::optional<Checkpoint>> NewestCheckpoint(const std::filesystem::path& folder, const ModelDescription& model,
                                                   Log& log);

/// InvalidArgument if the file that an option names is one that a run in `folder` wrote, and a new run there would move
/// or replace. "" is no file.
Status CheckOutsideRun(std::string_view option, const std::filesystem::path& file, const std::filesystem::path& folder);

/// Where the best checkpoint does not count from now on: a copy, "MODEL-best_1", stays when the next best replaces it,
/// and a line says so. Errors: IoError.
Status SetBestAside(const std::filesystem::path& folder, const ModelDescription& model, Log& log);

/// Whether a file is one that a run in `folder` wrote there.
bool IsOfRunIn(const std::filesystem::path& folder, const std::filesystem::path& file);

/// Where the run in the folder goes on from `checkpoint`: those of its checkpoints that come after it move to a
/// subfolder "run-1", "run-2", ..., and a line says so; --resume=auto would go on from them. Errors: IoError.
Status MoveLaterCheckpoints(const std::filesystem::path& folder, const Checkpoint& checkpoint, Log& log);

/// Unless the run in the folder is `resumed`, its files move to a subfolder "run-1", "run-2", ..., and a line says so.
/// Files that no run writes stay; what a run that was killed had not finished writing is removed. REQUIRES: the folder
/// exists. Errors: IoError.
Status PrepareRunFolder(const std::filesystem::path& folder, bool resumed, Log& log);

}  // namespace riffle
