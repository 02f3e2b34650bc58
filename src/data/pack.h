// Writes a folder of pictures as shards (shards.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/status.h"
#include "data/dataset.h"

namespace riffle {

struct PackOptions {
  std::string prefix;         ///< shards are called prefix-000000.tar, ..., the index prefix.json; folders are made
  int64_t shard_size = 1000;  ///< pictures in a shard; the last one has what is left
  uint64_t seed = 1;          ///< pictures are packed in a random order, so that neighbours are of different classes
};

/// Called after each picture.
using PackProgress = std::function<void(int64_t done, int64_t total)>;

/// Packs a data set whose pictures are files, unchanged. The same data and options give the same bytes. A shard is
/// written beside its place and renamed, the index comes last. Errors: Unavailable where pictures are no files of their
/// own; InvalidArgument; NotFound, IoError.
Status Pack(const Dataset& dataset, const PackOptions& options, const PackProgress& progress = {});

}  // namespace riffle
