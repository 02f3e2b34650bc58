#include "data/splits.h"

#include <set>

#include "data/folders.h"
#include "data/readers.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// What `open` gives for each split that is there; an error if there is none.
template <class Open>
Result<std::vector<NamedSplit>> OpenThose(const Open& open) {
  std::vector<NamedSplit> splits;
  Status missing;
  for (const std::string_view name : UsualSplits()) {
    Result<std::unique_ptr<Dataset>> data = open(std::string(name));
    if (data.ok()) {
      splits.push_back({std::string(name), std::move(*data)});
    } else if (data.status().code() != ErrorCode::kNotFound) {
      return data.status();
    } else if (missing.ok()) {
      missing = data.status();
    }
  }
  if (splits.empty()) return missing;
  return splits;
}

Result<std::vector<NamedSplit>> OpenFolders(const fs::path& data_dir, int channels,
                                            std::vector<std::string>* unusable) {
  std::set<std::string> classes;
  for (const std::string_view name : UsualSplits())
    if (const auto found = ClassFolders(data_dir, std::string(name)); found.ok())
      classes.insert(found->begin(), found->end());
  std::vector<Status> there_but_empty;
  auto splits = OpenThose([&](const std::string& name) {
    auto data = OpenFolder(data_dir, name, channels, std::vector<std::string>(classes.begin(), classes.end()));
    if (!data.ok() && FindSplitFolder(data_dir, name).ok()) there_but_empty.push_back(data.status());
    return data;
  });
  if (!splits.ok() || there_but_empty.empty()) return splits;
  if (unusable == nullptr) return there_but_empty.front();
  for (const Status& status : there_but_empty) unusable->push_back(status.message());
  return splits;
}

Result<std::vector<NamedSplit>> OpenShards(const fs::path& data_dir, int channels, int threads) {
  std::vector<std::string> classes;  // of the first split, where no index names them: the others may lack some
  RIFFLE_ASSIGN(std::vector<NamedSplit> splits, OpenThose([&](const std::string& name) {
                  auto data = OpenPacked(data_dir, name, channels, classes, threads);
                  if (data.ok() && classes.empty()) classes = (*data)->classes();
                  return data;
                }));
  for (const NamedSplit& split : splits)
    if (split.data->classes() != classes)
      return InvalidArgument("{}: the classes of split '{}' are not those of split '{}': pack them together",
                             data_dir.string(), split.name, splits[0].name);
  return splits;
}

}  // namespace

Result<std::vector<NamedSplit>> OpenAllSplits(const DatasetInfo& info, const fs::path& data_dir, int threads,
                                              std::vector<std::string>* unusable) {
  if (info.layout == DatasetLayout::kShards) return OpenShards(data_dir, info.channels, threads);
  if (info.layout == DatasetLayout::kFolder) {
    auto folders = OpenFolders(data_dir, info.channels, unusable);
    if (folders.ok() || folders.status().code() != ErrorCode::kNotFound) return folders;
    auto shards = OpenShards(data_dir, info.channels, threads);
    return shards.ok() || shards.status().code() != ErrorCode::kNotFound ? std::move(shards) : std::move(folders);
  }
  std::vector<NamedSplit> splits;
  for (const SplitInfo& split : info.splits) {
    RIFFLE_ASSIGN(std::unique_ptr<Dataset> data, OpenDataset({.name = std::string(info.name),
                                                              .data_dir = data_dir,
                                                              .split = std::string(split.name),
                                                              .channels = info.channels,
                                                              .classes = {}}));
    splits.push_back({std::string(split.name), std::move(data)});
  }
  return splits;
}

std::vector<std::string> FoldersThatAreNoSplit(const fs::path& data_dir) {
  constexpr int kLevels = 3;
  std::set<fs::path> places;
  for (const std::string_view name : UsualSplits())
    if (const auto split = FindSplitFolder(data_dir, std::string(name)); split.ok())
      places.insert(split->folder.parent_path());
  std::vector<std::string> others;
  for (const fs::path& place : places) {
    const auto names = FoldersIn(place);
    if (!names.ok()) continue;
    for (const std::string& name : *names) {
      const fs::path folder = place / name;
      if (IsSplitName(name) || !HoldsPictures(folder, kLevels)) continue;
      const size_t classes = ClassFoldersIn(folder).size();
      others.push_back(fmt::format("{}: no split by its name, with {}", folder.string(),
                                   classes == 0   ? "pictures"
                                   : classes == 1 ? "1 class folder"
                                                  : fmt::format("{} class folders", classes)));
    }
  }
  return others;
}

std::string Apart(const std::string& split, const Dataset& data, const std::string& other_split, const Dataset& other) {
  if (data.place() == other.place()) return "";
  return fmt::format("split '{}' was found in {}, split '{}' in {}", split, data.place().string(), other_split,
                     other.place().string());
}

}  // namespace riffle
