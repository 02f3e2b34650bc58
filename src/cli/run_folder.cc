#include "cli/run_folder.h"

#include <fmt/format.h>

#include <vector>

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// Files that `riffle train` writes; anything else in the folder is the user's and stays.
std::vector<fs::path> FilesOfARun(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    const bool ours = extension == ".safetensors" || name == "metrics.jsonl" || name == "result.log" ||
                      (extension == ".yaml" && name.starts_with("shufflenet_v1_"));
    if (entry.is_regular_file(error) && ours) files.push_back(entry.path());
  }
  return files;
}

}  // namespace

Result<Checkpoint> OpenCheckpoint(const fs::path& asked, Log& log) {
  const fs::path path = ResolveCheckpointPath(asked);
  if (path != asked) log.Line(fmt::format("{} is not there: using {}", asked.string(), path.string()));
  return Checkpoint::Open(path);
}

Result<std::optional<Checkpoint>> NewestCheckpoint(const fs::path& folder, const ModelDescription& model, Log& log) {
  std::vector<CheckpointFile> files = ListCheckpoints(folder, model);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    Result<Checkpoint> checkpoint = Checkpoint::Open(file->path);
    if (checkpoint.ok()) return std::optional(std::move(*checkpoint));
    if (checkpoint.status().code() != ErrorCode::kDataLoss) return checkpoint.status();
    log.Line(fmt::format("Passing over a damaged checkpoint: {}", checkpoint.status().message()));
  }
  return std::optional<Checkpoint>();
}

Status PrepareRunFolder(const fs::path& folder, bool resuming, Log& log) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: cannot create the folder: {}", folder.string(), error.message());
  const std::vector<fs::path> files = FilesOfARun(folder);
  if (resuming || files.empty()) return {};
  int number = 1;
  while (fs::exists(folder / fmt::format("run-{}", number), error)) ++number;
  const fs::path old = folder / fmt::format("run-{}", number);
  fs::create_directory(old, error);
  for (const fs::path& file : files)
    if (!error) fs::rename(file, old / file.filename(), error);
  if (error) return IoError("{}: cannot move the earlier run there: {}", old.string(), error.message());
  log.Line(fmt::format("{} holds an earlier run: moved to {} (--resume auto would go on with it)", folder.string(),
                       old.string()));
  return {};
}

}  // namespace riffle
