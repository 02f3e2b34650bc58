#include "data/shard_index.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

struct Ending {
  std::string_view ending, unpacker;
};
constexpr std::array<Ending, 11> kTarEndings = {{{".tar", ""},
                                                 {".tar.gz", "gunzip"},
                                                 {".tgz", "gunzip"},
                                                 {".tar.bz2", "bunzip2"},
                                                 {".tbz2", "bunzip2"},
                                                 {".tar.xz", "unxz"},
                                                 {".txz", "unxz"},
                                                 {".tar.zst", "unzstd"},
                                                 {".tzst", "unzstd"},
                                                 {".tar.lz4", "unlz4"},
                                                 {".tar.z", "uncompress"}}};

const Ending* EndingOf(const std::string& lower) {
  const auto* const it = std::ranges::find_if(kTarEndings, [&](const Ending& e) { return lower.ends_with(e.ending); });
  return it == kTarEndings.end() ? nullptr : it;
}

constexpr std::string_view kPackEnding = ".pack";

bool IsSeparator(char c) { return c == '-' || c == '_'; }

// "train", or "photos-train": the split is a word of its own.
bool EndsAsSplit(const std::string& set, std::string_view split) {
  return std::ranges::any_of(NamesOfSplit(split), [&](std::string_view name) {
    const std::string word = Lowercase(name);
    return set == word ||
           (set.size() > word.size() && set.ends_with(word) && IsSeparator(set[set.size() - word.size() - 1]));
  });
}

Status Check(const ShardIndex& index) {
  if (index.classes.empty()) return InvalidArgument("classes: at least one name was expected, none found");
  std::set<std::string_view> names, files;
  for (const std::string& name : index.classes)
    if (!names.insert(name).second) return InvalidArgument("the class {} is there twice", Quoted(name));
  for (const ShardIndex::Shard& shard : index.shards) {
    if (shard.file.empty() || fs::path(shard.file).filename() != shard.file)
      return InvalidArgument("shard {}: the name of a file beside the index was expected", Quoted(shard.file));
    if (shard.pictures < 0)
      return InvalidArgument("shard {}: the number of its pictures was expected, found another value",
                             Quoted(shard.file));
    if (!files.insert(shard.file).second) return InvalidArgument("the shard {} is there twice", Quoted(shard.file));
  }
  return {};
}

/// Below 0 for what is no number of pictures.
int64_t PicturesIn(const nlohmann::json& value) { return NumberIn<int64_t>(value).value_or(-1); }

}  // namespace

std::string IndexChecksum(uint32_t checksum) { return fmt::format("{:08x}", checksum); }

std::string ToJson(const ShardIndex& index) {
  nlohmann::ordered_json json = {{"classes", index.classes}, {"shards", nlohmann::ordered_json::array()}};
  for (const ShardIndex::Shard& shard : index.shards) {
    json["shards"].push_back({{"file", shard.file}, {"pictures", shard.pictures}});
    if (!shard.checksum.empty()) json["shards"].back()["checksum"] = shard.checksum;
  }
  return json.dump(1) + '\n';
}

Result<ShardIndex> ShardIndexFromJson(std::string_view text) {
  if (text == kUnfinishedIndex)
    return InvalidArgument(
        "its shards are being replaced by 'riffle data pack', or it was stopped: wait for it, or repeat it with "
        "--overwrite");
  RIFFLE_ASSIGN(const nlohmann::json json, ParseJson(text));
  ShardIndex index;
  try {
    index.classes = json.at("classes").get<std::vector<std::string>>();
    if (json.contains("shards"))
      for (const auto& shard : json["shards"])
        index.shards.push_back({shard.at("file").get<std::string>(), PicturesIn(shard.at("pictures")),
                                shard.value("checksum", std::string())});
  } catch (const nlohmann::json::exception& error) {
    return InvalidArgument("expected an index of shards: classes (names) and shards (file, pictures, checksum): {}",
                           error.what());
  }
  RIFFLE_TRY(Check(index));
  return index;
}

std::optional<ShardName> ShardOf(const fs::path& file, std::string_view split) {
  const std::string name = file.filename().string(), lower = Lowercase(name);
  static constexpr Ending kPack = {kPackEnding, ""};
  const Ending* const ending = IsPackName(file) ? &kPack : EndingOf(lower);
  if (!ending || lower.front() == '.') return std::nullopt;
  std::string set = name.substr(0, name.size() - ending->ending.size());
  const size_t end = set.find_last_not_of("0123456789");
  const bool numbered = end != std::string::npos && end + 1 < set.size() && IsSeparator(set[end]);
  std::optional<int64_t> number;
  if (numbered) {
    number = ParseNumber<int64_t>(std::string_view(set).substr(end + 1));
    set.resize(end);
  }
  if (!EndsAsSplit(Lowercase(set), split)) return std::nullopt;
  return ShardName{.set = set, .number = number, .unpacker = std::string(ending->unpacker)};
}

bool IsAlmostTarName(const fs::path& file) {
  return IsTarName(file) || (file.has_extension() && IsTarName(file.stem()));
}

bool IsPackName(const fs::path& file) {
  const std::string lower = Lowercase(file.filename().string());
  return lower.ends_with(kPackEnding) && lower != kPackEnding;
}

bool IsAlmostPackName(const fs::path& file) {
  return IsPackName(file) || (file.has_extension() && IsPackName(file.stem()));
}

bool IsLeftByPacking(const fs::path& file) {
  if (file.extension() == ".part") return IsPackName(file.stem());
  const std::optional<fs::path> index = UnfinishedOf(file);
  if (!index || index->extension() != ".json") return false;
  const fs::path shard = fs::path(*index).replace_extension(".tar");
  return std::ranges::any_of(UsualSplits(), [&](std::string_view split) { return ShardOf(shard, split).has_value(); });
}

bool IsTarName(const fs::path& file) { return EndingOf(Lowercase(file.filename().string())) != nullptr; }

}  // namespace riffle
