// How packing replaces files: all is written beside its place, and changes places at the end. Private to pack.cc and
// pack_resized.cc.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file_lock.h"
#include "base/status.h"
#include "data/pack.h"
#include "data/shard_index.h"

namespace riffle {

/// Where a file is written that will be `path`.
std::filesystem::path PartOf(const std::filesystem::path& path);

/// The folder in which files of that prefix lie.
std::filesystem::path FolderOf(const std::filesystem::path& prefix);

/// A file that is written beside its place, and removed if it never gets there, unless it is worth being kept.
class Staged {
 public:
  explicit Staged(std::filesystem::path path) : path_(std::move(path)) {}
  Staged(Staged&& other) noexcept : path_(std::exchange(other.path_, {})), kept_(other.kept_) {}
  Staged& operator=(Staged&&) = delete;
  ~Staged();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path part() const { return PartOf(path_); }
  /// It stays where it is for the next run, whatever becomes of this one.
  void Keep() { kept_ = true; }

  /// Errors: IoError.
  Status PutInPlace();

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

/// The shards of one split, on their way.
struct StagedSet {
  std::filesystem::path index_path;
  ShardIndex index;
  std::vector<Staged> shards;
};

/// What lies in the folder under the prefix.
struct Present {
  std::vector<std::filesystem::path> shards, indexes;
  std::vector<std::filesystem::path> parts;  // that a crash left, of shards and of indexes

  bool any() const { return !shards.empty() || !indexes.empty(); }
};

/// The folder with the lock on it, until the work is done.
struct Workplace {
  FileLock lock;
  Present present;
};

/// Makes the folder, takes its lock and looks around. Errors: InvalidArgument for names that do not go, another process
/// that packs there, a split that would be there twice, and for what lies there and is no index or pack; IoError.
Result<Workplace> Occupy(std::span<const NamedSplit> splits, const PackOptions& options);

/// The error where an earlier pack may not be replaced. REQUIRES: present.any()
Status IsThereAlready(const Present& present);

/// Errors: IoError.
Status RemoveFiles(const std::vector<std::filesystem::path>& files);

/// From old sets to new ones. Whatever stops it, no index describes shards that are others than those it was made for.
Status PutInPlace(const Present& old, std::vector<StagedSet>& sets);

}  // namespace riffle
