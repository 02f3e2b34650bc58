// Writes folders of pictures as shards (shards.h) with an index (shard_index.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/status.h"
#include "data/splits.h"

namespace riffle {

struct PackOptions {
  std::string prefix;         ///< shards are called prefix-SPLIT-000000.tar, ..., indexes prefix-SPLIT.json
  int64_t shard_size = 1000;  ///< pictures in a shard; the last one of a split has what is left
  uint64_t seed = 1;          ///< pictures are packed in a random order, so that neighbours are of different classes
  bool overwrite = false;     ///< replace all that an earlier pack left under the prefix, splits that are gone, too
};

/// Called after each picture of a split; an error ends the work.
using PackProgress = std::function<Status(int64_t done, int64_t total)>;

/// Packs splits whose pictures are files, unchanged and not decoded; folders are made. The same data and options give
/// the same bytes. Everything is written beside its place first, so that a failure leaves what was there and nothing
/// else; while it is put in place, the indexes say so (kUnfinishedIndex), also after a crash. Errors: InvalidArgument
/// (options, names that are not UTF-8, a prefix that starts with a dot, shards that are there already, another process
/// that packs there), Unavailable where pictures are no files of their own, NotFound, IoError.
Status Pack(std::span<const NamedSplit> splits, const PackOptions& options, const PackProgress& progress = {});

}  // namespace riffle
