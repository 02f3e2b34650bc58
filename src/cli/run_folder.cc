#include "cli/run_folder.h"

#include <fmt/format.h>

#include <vector>

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModelPrefix = "shufflenet_v1_";  // of each name in the zoo

/// "shufflenet_v1_...-best.safetensors" or "...-{epoch}_{step}.safetensors".
bool NamesCheckpoint(const fs::path& file) {
  const std::string stem = file.stem().string(), tail = stem.substr(stem.rfind('-') + 1);
  return file.extension() == ".safetensors" && stem.starts_with(kModelPrefix) &&
         (tail == "best" || (!tail.empty() && tail.find_first_not_of("0123456789_") == std::string::npos));
}

/// Files that `riffle train` writes; anything else in the folder is the user's and stays.
std::vector<fs::path> FilesOfARun(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    const std::string name = path.filename().string();
    const bool ours = NamesCheckpoint(path) || name == "metrics.jsonl" || name == "result.log" ||
                      (path.extension() == ".yaml" && name.starts_with(kModelPrefix));
    if (ours && entry->is_regular_file(error)) files.push_back(path);
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

Status PrepareRunFolder(const fs::path& folder, bool resumed, Log& log) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: cannot create the folder: {}", folder.string(), error.message());
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
