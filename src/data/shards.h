// Pictures packed into a tar file as WebDataset has them (github.com/webdataset/webdataset): an entry KEY.jpg (or
// another picture) and an entry KEY.cls, the number of its class as text, one after the other. A key ends at the first
// dot of the name; entries with other endings belong to it and are passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/dataset.h"

namespace riffle {

/// A picture in a shard, found by reading its headers.
struct ShardEntry {
  std::string key;  ///< with the picture's ending
  uint64_t offset = 0, bytes = 0;
  int32_t label = 0;
};

struct ShardContents {
  std::vector<ShardEntry> entries;  ///< in the order of the file
  std::vector<LeftOut> left_out;    ///< the examples are names of entries
};

/// The pictures of a tar file; links within it are followed. Errors: IoError; DataLoss for a file that is no tar file,
/// is compressed or cut off, for a picture without a class or with several, and for links that lead nowhere.
Result<ShardContents> ReadShard(const std::filesystem::path& file);

/// Of the list of the pictures, with their places and classes; not of their bytes.
uint32_t ChecksumOf(const std::vector<ShardEntry>& entries);

}  // namespace riffle
