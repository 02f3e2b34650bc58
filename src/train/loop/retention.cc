#include "train/loop/retention.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"

namespace riffle {
namespace {

// Of the epoch that a checkpoint stands for; below each true one where it was not validated, or cannot be read.
double Top1Percent(const CheckpointFile& file) {
  const Result<Checkpoint> checkpoint = Checkpoint::Open(file.path);
  return checkpoint.ok() ? checkpoint->info().top1_percent.value_or(-1) : -1;
}

void SortByTop1(std::vector<CheckpointFile>* files) {
  std::vector<std::pair<double, CheckpointFile>> scored;
  for (CheckpointFile& file : *files) scored.emplace_back(Top1Percent(file), std::move(file));
  std::ranges::stable_sort(scored, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::ranges::transform(scored, files->begin(), [](auto& pair) { return std::move(pair.second); });
}

}  // namespace

Status RemoveOldCheckpoints(const std::filesystem::path& folder, const ModelDescription& model, Retention policy,
                            int keep) {
  std::vector<CheckpointFile> files = ListCheckpoints(folder, model);  // oldest first
  if (files.empty()) return {};
  const std::filesystem::path newest = files.back().path;
  switch (policy) {
    case Retention::kLatest:
      std::ranges::reverse(files);
      break;
    case Retention::kBest:
      SortByTop1(&files);
      break;
    case Retention::kAll:
      return {};
  }
  for (size_t i = keep; i < files.size(); ++i) {
    if (files[i].path == newest) continue;
    std::error_code error;
    if (!std::filesystem::remove(files[i].path, error) && error)
      return IoError("{}: cannot remove the old checkpoint: {}", files[i].path.string(), error.message());
  }
  return {};
}

}  // namespace riffle
