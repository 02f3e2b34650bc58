#include "train/loop/retention.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "train/loop/differences.h"

namespace riffle {
namespace {

std::optional<ValidationSetup> MeasuredIn(const CheckpointFile& file) {
  const Result<Checkpoint> checkpoint = Checkpoint::Open(file.path);
  return checkpoint.ok() ? checkpoint->info().measured : std::nullopt;
}

// What top_k goes by, larger before smaller: the validation of the epoch that a checkpoint stands for; less than each
// true one where it was not validated, where that was measured otherwise than `now`, or where it cannot be read; and
// least of all, the newer the larger, within an epoch.
std::pair<double, int64_t> Rank(const CheckpointFile& file, const std::optional<ValidationSetup>& now) {
  constexpr double kNone = -1, kWithinEpoch = -2;
  const Result<Checkpoint> checkpoint = Checkpoint::Open(file.path);
  if (!checkpoint.ok()) return {kNone, 0};
  const CheckpointInfo& info = checkpoint->info();
  if (info.partial_epoch) return {kWithinEpoch, info.step};
  if (info.measured && now && !Differences(*info.measured, *now).empty()) return {kNone, 0};
  return {info.top1_percent.value_or(kNone), 0};
}

void SortByTop1(std::vector<CheckpointFile>* files) {
  const std::optional<ValidationSetup> now = MeasuredIn(files->back());
  std::vector<std::pair<std::pair<double, int64_t>, CheckpointFile>> ranked;
  for (CheckpointFile& file : *files) ranked.emplace_back(Rank(file, now), std::move(file));
  std::ranges::stable_sort(ranked, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::ranges::transform(ranked, files->begin(), [](auto& pair) { return std::move(pair.second); });
}

}  // namespace

Status RemoveOldCheckpoints(const std::filesystem::path& folder, const ModelDescription& model, Retention retention) {
  std::vector<CheckpointFile> files = ListCheckpoints(folder, model);  // oldest first
  if (files.empty()) return {};
  const std::filesystem::path newest = files.back().path;
  switch (retention.policy) {
    case RetentionPolicy::kLatest:
      std::ranges::reverse(files);
      break;
    case RetentionPolicy::kBest:
      SortByTop1(&files);
      break;
    case RetentionPolicy::kAll:
      return {};
  }
  for (size_t i = retention.keep; i < files.size(); ++i) {
    if (files[i].path == newest) continue;
    std::error_code error;
    if (!std::filesystem::remove(files[i].path, error) && error)
      return IoError("{}: cannot remove the old checkpoint: {}", files[i].path.string(), error.message());
  }
  return {};
}

}  // namespace riffle
