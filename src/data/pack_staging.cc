#include "data/pack_staging.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "data/pack_file.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartEnding = ".part";
constexpr const char* kLockName = ".pack.lock";

// Not everything called so is an index, nor even a file.
bool IsIndex(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  const auto text = ReadTextFile(path);
  return text.ok() && (*text == kUnfinishedIndex || ShardIndexFromJson(*text).ok());
}

bool IsPackFile(const fs::path& path) {
  const auto file = MappedFile::Open(path);
  return file.ok() && IsPack(file->bytes());
}

// InvalidArgument where a split would then be there twice, under two names, or where an index or a pack would replace a
// file that is none.
Result<Present> LookAround(std::span<const NamedSplit> splits, const fs::path& prefix) {
  std::set<std::string> names(UsualSplits().begin(), UsualSplits().end());
  for (const NamedSplit& split : splits) names.insert(split.name);
  const fs::path folder = FolderOf(prefix);
  Present present;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path path = prefix.parent_path() / it->path().filename();
    const bool is_part = path.extension() == kPartEnding;
    const std::optional<fs::path> unfinished = UnfinishedOf(path);
    for (const std::string& split : names) {
      const bool is_packed = std::ranges::find(splits, split, &NamedSplit::name) != splits.end();
      const std::string set = fmt::format("{}-{}", prefix.filename().string(), split);
      if (unfinished && unfinished->filename() == set + ".json") {
        present.parts.push_back(path);
        break;
      }
      const auto shard = ShardOf(is_part ? path.stem() : path, split);
      if (shard && shard->set == set && !is_part && IsPackName(path) && !IsPackFile(path))
        return InvalidArgument("{}: lies there already and is no pack of pictures; choose another name", path.string());
      if (shard && shard->set == set)
        (is_part ? present.parts : present.shards).push_back(path);
      else if (shard && !is_part && is_packed)
        return InvalidArgument(
            "{}: this split '{}' of another data set lies in the folder already: pack into one of its own",
            path.string(), split);
      else if (path.filename() != set + ".json")
        continue;
      else if (IsIndex(path))
        present.indexes.push_back(path);
      else if (is_packed)
        return InvalidArgument("{}: lies there already and is no index of shards; choose another name", path.string());
    }
  }
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  std::ranges::sort(present.shards);
  std::ranges::sort(present.indexes);
  return present;
}

Status CheckNames(std::span<const NamedSplit> splits, const PackOptions& options) {
  if (options.shard_size < 1)
    return InvalidArgument("shard_size: at least 1 was expected, {} found", options.shard_size);
  const std::string prefix = fs::path(options.prefix).filename().string();
  if (prefix.empty() || IsStream(options.prefix))
    return InvalidArgument(
        "option out: expected the beginning of the shards' names, found '{}'; pack writes several files",
        options.prefix);
  if (prefix.starts_with('.'))
    return InvalidArgument(
        "'{}': the beginning of the shards' names was expected, as in {}: hidden files are no shards", options.prefix,
        (fs::path(options.prefix).parent_path() / "photos").string());
  if (!IsUtf8(prefix))
    return InvalidArgument("the shards' name {} is not UTF-8, which their index has to hold: choose another",
                           Quoted(prefix));
  for (const NamedSplit& split : splits)
    for (const std::string& name : split.data->classes())
      if (!IsUtf8(name))
        return InvalidArgument(
            "the class name {} is not UTF-8, which the index of shards has to hold: rename its folder", Quoted(name));
  return {};
}

// InvalidArgument where a file of pictures that are read would be replaced.
Status CheckSources(std::span<const NamedSplit> splits, const Present& present) {
  for (const NamedSplit& split : splits)
    for (const int64_t first : split.data->ShardStarts()) {
      const std::string name = split.data->NameOf(first);  // "FILE: KEY"
      for (size_t colon = name.find(": "); colon != std::string::npos; colon = name.find(": ", colon + 1))
        for (const fs::path& shard : present.shards) {
          std::error_code error;
          if (fs::equivalent(shard, name.substr(0, colon), error) && !error)
            return InvalidArgument("{}: it would be replaced by what is packed of it; choose another name",
                                   shard.string());
        }
    }
  return {};
}

}  // namespace

fs::path FolderOf(const fs::path& prefix) { return prefix.has_parent_path() ? prefix.parent_path() : "."; }

fs::path PartOf(const fs::path& path) { return path.string() + std::string(kPartEnding); }

Staged::~Staged() {
  std::error_code error;
  if (!path_.empty() && !kept_) fs::remove(part(), error);
}

Status Staged::PutInPlace() {
  std::error_code error;
  fs::rename(part(), path_, error);
  if (error) return IoError("{}: cannot be written: {}", path_.string(), error.message());
  path_.clear();
  return {};
}

Status RemoveFiles(const std::vector<fs::path>& files) {
  std::error_code error;
  for (const fs::path& file : files)
    if (!fs::remove(file, error) && error) return IoError("{}: cannot be removed: {}", file.string(), error.message());
  return {};
}

Status PutInPlace(const Present& old, std::vector<StagedSet>& sets) {
  std::set<fs::path> indexes(old.indexes.begin(), old.indexes.end()), gone = indexes;
  for (const StagedSet& set : sets) {
    indexes.insert(set.index_path);
    gone.erase(set.index_path);
  }
  for (const fs::path& index : indexes) RIFFLE_TRY(WriteFileAtomically(index, kUnfinishedIndex));
  RIFFLE_TRY(RemoveFiles(old.shards));
  for (StagedSet& set : sets)
    for (Staged& shard : set.shards) RIFFLE_TRY(shard.PutInPlace());
  for (const StagedSet& set : sets) RIFFLE_TRY(WriteFileAtomically(set.index_path, ToJson(set.index)));
  return RemoveFiles({gone.begin(), gone.end()});
}

Result<Workplace> Occupy(std::span<const NamedSplit> splits, const PackOptions& options) {
  RIFFLE_TRY(CheckNames(splits, options));
  const fs::path prefix = options.prefix, folder = FolderOf(prefix);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: cannot be made: {}", folder.string(), error.message());
  RIFFLE_ASSIGN(FileLock lock, FileLock::TakeAtOnce(folder / kLockName, [&](const std::string& holder) {
                  return InvalidArgument("{}: {} is packing into this folder; wait for it, or choose another folder",
                                         folder.string(), holder);
                }));
  RIFFLE_ASSIGN(Present present, LookAround(splits, prefix));
  RIFFLE_TRY(CheckSources(splits, present));
  return Workplace{std::move(lock), std::move(present)};
}

Status IsThereAlready(const Present& present) {
  return InvalidArgument("{}: an earlier pack is there already; choose another name, or add --overwrite to replace it",
                         (present.shards.empty() ? present.indexes : present.shards).front().string());
}

}  // namespace riffle
