// Pictures packed into tar files, many in each, as WebDataset has them (github.com/webdataset/webdataset): an entry
// KEY.jpg (or another picture) and an entry KEY.cls, the number of its class as text, one after the other. Beside the
// shards [NAME-]SPLIT-000000.tar, ... may lie an index [NAME-]SPLIT.json: names of the classes, and how many pictures
// each shard has.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"

namespace riffle {

/// What the index tells.
struct ShardIndex {
  struct Shard {
    std::string file;  ///< in the folder of the index
    int64_t pictures = 0;
  };
  std::vector<std::string> classes;
  std::vector<Shard> shards;
};

std::string ToJson(const ShardIndex& index);
/// InvalidArgument names what is missing or of another type.
Result<ShardIndex> ShardIndexFromJson(std::string_view json);

/// A picture in a shard, found by reading its headers.
struct ShardEntry {
  std::string key;  ///< with the picture's ending
  uint64_t offset = 0, bytes = 0;
  int32_t label = 0;
};

/// The pictures of a tar file, in its order. Entries with other endings are passed over. Errors: NotFound, DataLoss for
/// a file that is no tar file, is cut off, or has a picture without a class.
Result<std::vector<ShardEntry>> ReadShard(const std::filesystem::path& file);

/// "train-000017.tar" and "photos-train-17.tar" are shards of the split 'train'.
bool IsShardOf(const std::filesystem::path& file, const std::string& split);

}  // namespace riffle
