// Writes folders of pictures as a few large files with an index (shard_index.h): as they are, in tar files (shards.h),
// or made ready for training, in packs (pack_file.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "backend/threads.h"
#include "base/status.h"
#include "data/splits.h"
#include "data/write_pack.h"

namespace riffle {

struct PackOptions {
  std::string prefix;         ///< files are called prefix-SPLIT-000000.tar or .pack, ..., indexes prefix-SPLIT.json
  int64_t shard_size = 1000;  ///< pictures in a file; the last one of a split has what is left
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

/// What there is to say before the first picture is packed.
struct PackNeeds {
  int64_t files_kept = 0;  ///< that an earlier run left whole
  int64_t pictures = 0;    ///< that are left to do
  double bytes = 0;        ///< that they will take, judged by a few of them
  double bytes_free = 0;   ///< where they go
};

struct PackEvents {
  std::function<void(const PackNeeds&)> begin = [](const PackNeeds&) {};
  PackProgress progress = [](int64_t, int64_t) { return Status(); };  ///< of all splits together
};

/// The packs of a split.
struct PackReport {
  int64_t files = 0, pictures = 0, grey = 0, unreadable = 0;
  std::string unreadable_example;  ///< the name of one
  uint64_t bytes = 0;
};

/// Packs splits as `form` says, on the pool's threads. The same data and options give the same bytes. As for Pack all
/// of it is put in place at the end, but what stops it, even a crash, leaves the files that are whole beside their
/// places: with the same data and options they are kept the next time, and otherwise removed. Errors: those of Pack,
/// IoError also where the room on the disk is not enough.
Result<std::vector<PackReport>> PackResized(ThreadPool& pool, std::span<const NamedSplit> splits,
                                            const PackOptions& options, const PackForm& form,
                                            const PackEvents& events = {});

}  // namespace riffle
