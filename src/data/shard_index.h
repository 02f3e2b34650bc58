// What lies in a folder of shards, which are tar files (shards.h) or packs (pack_file.h): their names, and the index
// beside them. The shards [NAME-]SPLIT-000000.tar, or .pack, ... of one split are a set, [NAME-]SPLIT its name; its
// index [NAME-]SPLIT.json tells the names of the classes and, of each shard, how many pictures it has and a checksum,
// by which another file under its name is found out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// What the index tells.
struct ShardIndex {
  struct Shard {
    std::string file;  ///< in the folder of the index
    int64_t pictures = 0;
    std::string checksum;  ///< IndexChecksum of a pack's head, or of a tar file's list of pictures; "": not told
  };
  std::vector<std::string> classes;
  std::vector<Shard> shards;  ///< empty: not told, as in an index that somebody wrote for the names of the classes
};

/// As an index has it: "0badf00d".
std::string IndexChecksum(uint32_t checksum);

/// REQUIRES: names in UTF-8 (base/json.h)
std::string ToJson(const ShardIndex& index);
/// InvalidArgument names what is missing, of another type or there twice, and says of kUnfinishedIndex what to do.
Result<ShardIndex> ShardIndexFromJson(std::string_view json);

/// Stands for the index while shards are put in place: who opens them then is told so, and never reads old and new ones
/// together.
inline constexpr std::string_view kUnfinishedIndex = "{\"unfinished\": true}\n";

/// What the name of a file tells that is a shard, or would be if it were unpacked.
struct ShardName {
  std::string set;                ///< "photos-train" of "photos-train-000017.tar"
  std::optional<int64_t> number;  ///< 17 there; none of "photos-train.tar"
  std::string unpacker;           ///< the program that unpacks it, "gunzip"; empty: it can be read
};

/// "train-000017.tar", "photos_train_17.tar" and "train.tar" are shards of the split 'train', by any of its names
/// (split_names.h) in any case; so would be "train-000017.tar.gz". nullopt for other names.
std::optional<ShardName> ShardOf(const std::filesystem::path& file, std::string_view split);

/// Whether the name ends as that of a pack.
bool IsPackName(const std::filesystem::path& file);

/// The same, or was to become one: "train-000004.pack.crdownload".
bool IsAlmostPackName(const std::filesystem::path& file);

/// Whether a 'riffle data pack' that was killed leaves such files: "train-000004.pack.part", "train.json.part123".
bool IsLeftByPacking(const std::filesystem::path& file);

/// Whether the name ends as that of a tar file, compressed or not.
bool IsTarName(const std::filesystem::path& file);

/// Whether it is a tar file by its name, or was to become one: "train-000004.tar.part", "train-000001.tar.crdownload".
bool IsAlmostTarName(const std::filesystem::path& file);

}  // namespace riffle
