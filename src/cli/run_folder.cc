#include "cli/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/file.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModelPrefix = "shufflenet_v1_";  // of each name in the zoo

constexpr const char* kLockName = ".train.lock";

/// "shufflenet_v1_...-best.safetensors" or "...-{epoch}_{step}.safetensors".
bool NamesCheckpoint(const fs::path& file) {
  const std::string stem = file.stem().string(), tail = stem.substr(stem.rfind('-') + 1);
  return file.extension() == ".safetensors" && stem.starts_with(kModelPrefix) &&
         (tail == "best" || (!tail.empty() && tail.find_first_not_of("0123456789_") == std::string::npos));
}

bool NamesBest(const fs::path& file) { return file.stem().string().ends_with("-best"); }

/// Whether `riffle train` writes files of this name.
bool IsOfARun(const fs::path& path) {
  const std::string name = path.filename().string();
  return NamesCheckpoint(path) || name == "metrics.jsonl" || name == "result.log" ||
         (path.extension() == ".yaml" && name.starts_with(kModelPrefix));
}

/// Files that `riffle train` writes; anything else in the folder is the user's and stays.
std::vector<fs::path> FilesOfARun(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; entry != end; entry.increment(error))
    if (IsOfARun(entry->path()) && entry->is_regular_file(error)) files.push_back(entry->path());
  std::ranges::sort(files);
  return files;
}

/// An error if what has the name of a run's file is a FIFO or the like: a run would wait there for somebody to write.
Status CheckForStreams(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; entry != end; entry.increment(error))
    if (IsOfARun(entry->path()) && IsStream(entry->path()))
      return InvalidArgument(
          "{}: expected a file, found none (a FIFO, a device); remove it, or name another --ckpt_save_dir",
          entry->path().string());
  return {};
}

/// An error if the folder holds numbered checkpoints, which are then of other models: `model` has none.
Status CheckForOtherModels(const fs::path& folder, const ModelDescription& model) {
  std::vector<fs::path> others = FilesOfARun(folder);
  std::erase_if(others, [](const fs::path& file) { return !NamesCheckpoint(file) || NamesBest(file); });
  if (others.empty() || !ListCheckpoints(folder, model).empty()) return {};
  const std::string name = others.front().filename().string();
  return InvalidArgument(
      "{}: cannot be resumed with --model={}, its checkpoints are of another network: {}{}; add --model={} to go on "
      "with it, or name another --ckpt_save_dir",
      folder.string(), model.name, name, others.size() == 1 ? "" : fmt::format(" and {} more", others.size() - 1),
      name.substr(0, name.rfind('-')));
}

}  // namespace

Result<Checkpoint> OpenCheckpoint(const fs::path& asked, Log& log) {
  const fs::path path = ResolveCheckpointPath(asked);
  if (path != asked) log.Line(fmt::format("{} is not there: using {}", asked.string(), path.string()));
  return Checkpoint::Open(path);
}

Result<std::optional<Checkpoint>> NewestCheckpoint(const fs::path& folder, const ModelDescription& model, Log& log) {
  RIFFLE_TRY(CheckForOtherModels(folder, model));
  std::vector<CheckpointFile> files = ListCheckpoints(folder, model);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    Result<Checkpoint> checkpoint = Checkpoint::Open(file->path);
    if (checkpoint.ok()) return std::optional(std::move(*checkpoint));
    if (checkpoint.status().code() != ErrorCode::kDataLoss) return checkpoint.status();
    log.Line(fmt::format("Passing over a damaged checkpoint: {}", checkpoint.status().message()));
  }
  return std::optional<Checkpoint>();
}

Status CheckOutsideRun(std::string_view option, const fs::path& file, const fs::path& folder) {
  if (file.empty()) return {};
  const fs::path found = ResolveCheckpointPath(file);
  for (const fs::path& of_run : FilesOfARun(folder)) {
    std::error_code ignored;
    if (!fs::equivalent(found, of_run, ignored)) continue;
    return InvalidArgument(
        "option {0}: {1} belongs to the run in {2}, whose files a run there moves or replaces; name another "
        "--ckpt_save_dir, copy the file elsewhere, or leave {0} out and go on with that run by --resume=auto",
        option, found.string(), folder.string());
  }
  return {};
}

Result<FileLock> LockRunFolder(const fs::path& folder, Log& log) {
  std::error_code error, none;
  fs::create_directories(folder, error);
  if (error && fs::is_symlink(folder, none) && !fs::exists(folder, none))
    return NotFound("{}: a link to {}, which is not there; create that folder, or name another --ckpt_save_dir",
                    folder.string(), fs::read_symlink(folder, none).string());
  if (error) return IoError("{}: cannot create the folder: {}", folder.string(), error.message());
  RIFFLE_TRY(CheckForStreams(folder));
  RIFFLE_ASSIGN(FileLock lock, FileLock::TakeAtOnce(folder / kLockName, [&](const std::string& holder) {
                  return IoError("{}: {} trains there; wait for its end, or name another --ckpt_save_dir",
                                 folder.string(), holder);
                }));
  if (!lock.locks())
    log.Line(fmt::format("{} is on a file system without locks: no other run may write there", folder.string()));
  return lock;
}

Status PrepareRunFolder(const fs::path& folder, bool resumed, Log& log) {
  std::error_code error;
  const std::vector<fs::path> files = FilesOfARun(folder);
  if (resumed || files.empty()) return {};
  int number = 1;
  while (fs::exists(folder / fmt::format("run-{}", number), error)) ++number;
  const fs::path old = folder / fmt::format("run-{}", number);
  fs::create_directory(old, error);
  for (const fs::path& file : files)
    if (!error) fs::rename(file, old / file.filename(), error);
  if (error) return IoError("{}: cannot move the earlier run there: {}", old.string(), error.message());
  log.Line(fmt::format("{} holds an earlier run: moved to {}; --resume auto goes on with a run instead",
                       folder.string(), old.string()));
  return {};
}

}  // namespace riffle
