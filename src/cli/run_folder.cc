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

/// "shufflenet_v1_...-best.safetensors", "...-best_1.safetensors" or "...-{epoch}_{step}.safetensors".
bool NamesCheckpoint(const fs::path& file) {
  const std::string stem = file.stem().string(), name = stem.substr(stem.rfind('-') + 1);
  const std::string_view tail = name.starts_with("best") ? std::string_view(name).substr(4) : name;
  return file.extension() == ".safetensors" && stem.starts_with(kModelPrefix) && !name.empty() &&
         tail.find_first_not_of("0123456789_") == std::string::npos;
}

/// "NAME" and " and 2 more".
std::string FirstOf(const std::vector<fs::path>& files) {
  return files.front().filename().string() + (files.size() == 1 ? "" : fmt::format(" and {} more", files.size() - 1));
}

/// `folder`/`name`1, or the first number that is free: nothing is replaced.
fs::path FreeName(const fs::path& folder, const std::string& name, const std::string& extension = "") {
  int number = 1;
  std::error_code error;
  while (fs::exists(fs::symlink_status(folder / fmt::format("{}{}{}", name, number, extension), error))) ++number;
  return folder / fmt::format("{}{}{}", name, number, extension);
}

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

/// What a run that was killed had not finished writing.
void RemoveUnfinished(const fs::path& folder) {
  std::vector<fs::path> unfinished;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; entry != end; entry.increment(error))
    if (const auto file = UnfinishedOf(entry->path()); file && IsOfARun(*file)) unfinished.push_back(entry->path());
  for (const fs::path& file : unfinished) fs::remove(file, error);  // if it cannot be, it is in nobody's way
}

/// Names of checkpoints of the model, the newest number first, the best last.
std::vector<fs::path> CheckpointsOf(const fs::path& folder, const ModelDescription& model) {
  std::vector<fs::path> paths;
  for (CheckpointFile& file : ListCheckpoints(folder, model)) paths.push_back(std::move(file.path));
  std::ranges::reverse(paths);
  const fs::path best = folder / BestCheckpointName(model);
  std::error_code error;
  if (fs::exists(fs::symlink_status(best, error))) paths.push_back(best);
  return paths;
}

/// An error if there are checkpoints of other models. REQUIRES: `model` has none.
Status CheckForOtherModels(const fs::path& folder, const ModelDescription& model) {
  std::vector<fs::path> others = FilesOfARun(folder);
  std::erase_if(others, [](const fs::path& file) { return !NamesCheckpoint(file); });
  if (others.empty()) return {};
  const std::string name = others.front().filename().string();
  return InvalidArgument(
      "{}: cannot be resumed with --model={}, its checkpoints are of another network: {}; add --model={} to go on "
      "with it, or name another --ckpt_save_dir",
      folder.string(), model.name, FirstOf(others), name.substr(0, name.rfind('-')));
}

/// An error if a run of the model was moved away, the last one first. REQUIRES: no other lies in the folder itself.
Status CheckForMovedRuns(const fs::path& folder, const ModelDescription& model) {
  std::error_code error;
  std::optional<fs::path> moved;
  for (int number = 1; fs::exists(folder / fmt::format("run-{}", number), error); ++number)
    if (const fs::path run = folder / fmt::format("run-{}", number); !CheckpointsOf(run, model).empty()) moved = run;
  if (!moved) return {};
  return InvalidArgument(
      "{}: nothing to resume, but {} holds an earlier run: {}; to go on with it add --ckpt_save_dir={}, to start anew "
      "leave out --resume",
      folder.string(), moved->string(), FirstOf(CheckpointsOf(*moved, model)), moved->string());
}

/// Whether it was made later in a run.
bool IsAfter(const CheckpointInfo& one, const CheckpointInfo& other) {
  return std::pair(one.epoch, one.step) > std::pair(other.epoch, other.step);
}

/// Moves files of a run to a new subfolder; its name.
Result<fs::path> MoveAside(const fs::path& folder, const std::vector<fs::path>& files) {
  std::error_code error;
  const fs::path aside = FreeName(folder, "run-");
  fs::create_directory(aside, error);
  for (const fs::path& file : files)
    if (!error) fs::rename(file, aside / file.filename(), error);
  if (error) return IoError("{}: cannot move the earlier run there: {}", aside.string(), error.message());
  return aside;
}

/// Whether a run can pass over a file that has the name of a checkpoint: it is damaged, none, or the system does not
/// let it be read (permissions, a broken disk).
bool MayPassOver(const fs::path& file, const Status& status) {
  std::error_code error;
  return status.code() == ErrorCode::kDataLoss || status.code() == ErrorCode::kNotFound ||
         status.code() == ErrorCode::kIo || fs::is_directory(file, error);
}

}  // namespace

std::optional<ModelDescription> NetworkOfRun(const fs::path& folder, const ModelDescription& model) {
  for (const fs::path& file : CheckpointsOf(folder, model))
    if (const Result<Checkpoint> checkpoint = Checkpoint::Open(file); checkpoint.ok()) return checkpoint->info().model;
  return std::nullopt;
}

Result<std::optional<Checkpoint>> NewestCheckpoint(const fs::path& folder, const ModelDescription& model, Log& log) {
  const std::vector<fs::path> files = CheckpointsOf(folder, model);
  std::optional<Checkpoint> newest;
  for (const fs::path& file : files) {
    const bool is_best = file.filename() == BestCheckpointName(model);
    if (newest && !is_best) continue;
    Result<Checkpoint> checkpoint = Checkpoint::Open(file);
    if (checkpoint.ok()) {
      if (!newest || IsAfter(checkpoint->info(), newest->info())) newest.emplace(std::move(*checkpoint));
      continue;
    }
    if (!MayPassOver(file, checkpoint.status())) return checkpoint.status();
    log.Line(fmt::format("Passing over a checkpoint that cannot be read: {}", checkpoint.status().message()));
  }
  if (newest) return newest;
  if (!files.empty())
    return DataLoss("{}: nothing to resume, no checkpoint there can be read: {}; to start anew leave out --resume",
                    folder.string(), FirstOf(files));
  RIFFLE_TRY(CheckForOtherModels(folder, model));
  RIFFLE_TRY(CheckForMovedRuns(folder, model));
  return newest;
}

Status CheckStillOurs(const FileLock& lock, const fs::path& folder) {
  if (lock.CheckHeld().ok()) return {};
  return IoError("{}: was removed, or taken over by another run; the run ends", folder.string());
}

Status SetBestAside(const fs::path& folder, const ModelDescription& model, Log& log) {
  const fs::path best = folder / BestCheckpointName(model);
  const fs::path aside = FreeName(folder, best.stem().string() + '_', best.extension().string());
  RIFFLE_ASSIGN(const AlignedArray<uint8_t> bytes, ReadLargeFile(best));
  RIFFLE_TRY(WriteFileAtomically(aside, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  log.Line(fmt::format("It is kept as {}", aside.string()));
  return {};
}

Status CheckOutsideRun(std::string_view option, const fs::path& file, const fs::path& folder) {
  if (file.empty()) return {};
  const fs::path found = ResolveCheckpointPath(file);
  if (!IsOfRunIn(folder, found)) return {};
  return InvalidArgument(
      "option {0}: {1} belongs to the run in {2}, whose files a run there moves or replaces; name another "
      "--ckpt_save_dir, copy the file elsewhere, or leave {0} out and go on with that run by --resume=auto",
      option, found.string(), folder.string());
}

bool IsOfRunIn(const fs::path& folder, const fs::path& file) {
  std::error_code ignored;
  return std::ranges::any_of(FilesOfARun(folder),
                             [&](const fs::path& of_run) { return fs::equivalent(file, of_run, ignored); });
}

Result<FileLock> LockRunFolder(const fs::path& folder, Log& log) {
  std::error_code error, none;
  for (fs::path part = folder; !part.empty() && part != part.root_path(); part = part.parent_path())
    if (fs::exists(part, error) && !fs::is_directory(part, error))
      return IoError("{}: expected a folder, found a file: {}; name another --ckpt_save_dir", folder.string(),
                     part.string());
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

Status MoveLaterCheckpoints(const fs::path& folder, const Checkpoint& checkpoint, Log& log) {
  const CheckpointInfo& here = checkpoint.info();
  std::vector<fs::path> later;
  for (const CheckpointFile& file : ListCheckpoints(folder, here.model))
    if (std::pair(file.epoch, file.step) > std::pair(here.epoch, here.step)) later.push_back(file.path);
  const fs::path best = folder / BestCheckpointName(here.model);
  if (const Result<Checkpoint> found = Checkpoint::Open(best); found.ok() && IsAfter(found->info(), here))
    later.push_back(best);
  if (later.empty()) return {};
  RIFFLE_ASSIGN(const fs::path aside, MoveAside(folder, later));
  log.Line(fmt::format("Checkpoints of the run that come after {} are moved to {}: {}", here.PositionText(),
                       aside.string(), FirstOf(later)));
  return {};
}

Status PrepareRunFolder(const fs::path& folder, bool resumed, Log& log) {
  RemoveUnfinished(folder);
  const std::vector<fs::path> files = FilesOfARun(folder);
  if (resumed || files.empty()) return {};
  RIFFLE_ASSIGN(const fs::path old, MoveAside(folder, files));
  log.Line(fmt::format("{} holds an earlier run: moved to {}; --resume auto goes on with a run instead",
                       folder.string(), old.string()));
  return {};
}

}  // namespace riffle
