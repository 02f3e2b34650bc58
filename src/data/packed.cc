// Shards of packed pictures as a data set: their headers are read once, the pictures where they lie.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backend/threads.h"
#include "base/file.h"
#include "data/encoded_dataset.h"
#include "data/readers.h"
#include "data/shards.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

Status ReadAt(const fs::path& file, uint64_t offset, std::vector<uint8_t>& bytes) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return IoError("{}: cannot be opened: {}", file.string(), std::strerror(errno));
  size_t done = 0;
  int error = 0;
  while (done < bytes.size() && error == 0) {
    const ssize_t got = pread(descriptor, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got == 0) break;
    if (got > 0)
      done += static_cast<size_t>(got);
    else if (errno != EINTR)
      error = errno;
  }
  close(descriptor);
  if (error != 0) return IoError("{}: cannot be read: {}", file.string(), std::strerror(error));
  if (done < bytes.size()) return DataLoss("{}: it became shorter since it was opened", file.string());
  return {};
}

class PackedDataset : public EncodedDataset {
 public:
  PackedDataset(int channels, std::vector<std::string> classes) : EncodedDataset(channels) {
    classes_ = std::move(classes);
  }

  std::string NameOf(int64_t i) const override {
    return fmt::format("{}: {}", files_[ShardOf(i)].string(), entries_[i].key);
  }

  Result<std::vector<uint8_t>> Encoded(int64_t i) const override {
    std::vector<uint8_t> bytes(entries_[i].bytes);
    RIFFLE_TRY(ReadAt(files_[ShardOf(i)], entries_[i].offset, bytes));
    return bytes;
  }

  std::vector<int64_t> ShardStarts() const override { return starts_; }

  void Add(fs::path file, std::vector<ShardEntry> entries) {
    starts_.push_back(size());
    files_.push_back(std::move(file));
    for (ShardEntry& entry : entries) {
      labels_.push_back(entry.label);
      entries_.push_back(std::move(entry));
    }
  }

 private:
  size_t ShardOf(int64_t i) const { return std::ranges::upper_bound(starts_, i) - starts_.begin() - 1; }

  std::vector<fs::path> files_;
  std::vector<int64_t> starts_;  // the first picture of each file
  std::vector<ShardEntry> entries_;
};

Result<std::vector<fs::path>> ListShards(const fs::path& folder, const std::string& split) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (IsShardOf(it->path(), split)) files.push_back(it->path());
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  std::ranges::sort(files);
  return files;
}

// "photos-train-000000.tar": "photos-train.json".
fs::path IndexBeside(const fs::path& shard) {
  const std::string stem = shard.stem().string();
  return shard.parent_path() / (stem.substr(0, stem.rfind('-')) + ".json");
}

// The index beside the shards; without one, as other programs leave it, the classes are called by their numbers.
Result<ShardIndex> FindIndex(const std::vector<fs::path>& files) {
  const fs::path path = IndexBeside(files.front());
  for (const fs::path& file : files)
    if (IndexBeside(file) != path)
      return InvalidArgument("{} and {} are shards of two data sets; let --data_dir name a folder with one",
                             files.front().string(), file.string());
  std::error_code error;
  if (!fs::exists(path, error)) return ShardIndex{};
  RIFFLE_ASSIGN(const std::string text, ReadTextFile(path));
  Result<ShardIndex> index = ShardIndexFromJson(text);
  if (!index.ok()) return Status(index.status()).In(path.string());
  return index;
}

// What the index says has to be there.
Status CheckAgainst(const ShardIndex& index, const std::vector<fs::path>& files,
                    const std::vector<std::vector<ShardEntry>>& entries) {
  for (const ShardIndex::Shard& shard : index.shards) {
    const auto file = std::ranges::find(files, shard.file, [](const fs::path& f) { return f.filename().string(); });
    if (file == files.end())
      return NotFound("{}: the index beside it names this shard, and it is not there",
                      (files.front().parent_path() / shard.file).string());
    const auto there = static_cast<int64_t>(entries[file - files.begin()].size());
    if (there != shard.pictures)
      return DataLoss("{}: {} pictures were expected, {} found", file->string(), shard.pictures, there);
  }
  return {};
}

Result<std::vector<std::vector<ShardEntry>>> ReadShards(const std::vector<fs::path>& files, int threads) {
  ThreadPool pool(std::min(threads, static_cast<int>(files.size())));
  std::vector<Result<std::vector<ShardEntry>>> read(files.size(), Status());
  pool.ParallelFor(static_cast<int64_t>(files.size()), [&](int64_t i) { read[i] = ReadShard(files[i]); });
  std::vector<std::vector<ShardEntry>> entries;
  for (auto& shard : read) {
    if (!shard.ok()) return shard.status();
    entries.push_back(std::move(*shard));
  }
  return entries;
}

std::vector<std::string> NumbersUpTo(const std::vector<std::vector<ShardEntry>>& entries) {
  int32_t most = 0;
  for (const auto& shard : entries)
    for (const ShardEntry& entry : shard) most = std::max(most, entry.label);
  std::vector<std::string> names;
  for (int32_t k = 0; k <= most; ++k) names.push_back(std::to_string(k));
  return names;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenPacked(const fs::path& data_dir, const std::string& split, int channels,
                                            const std::vector<std::string>& known_classes, int threads) {
  static constexpr DatasetInfo kAnyFolder{};
  RIFFLE_ASSIGN(const fs::path folder,
                FindFolder(data_dir.empty() ? "." : data_dir, fmt::format("a shard '{}-000000.tar'", split), kAnyFolder,
                           [&](const fs::path& candidate) {
                             const auto shards = ListShards(candidate, split);
                             return shards.ok() && !shards->empty();
                           }));
  RIFFLE_ASSIGN(const std::vector<fs::path> files, ListShards(folder, split));
  RIFFLE_ASSIGN(const ShardIndex index, FindIndex(files));
  RIFFLE_ASSIGN(std::vector<std::vector<ShardEntry>> entries, ReadShards(files, threads));
  RIFFLE_TRY(CheckAgainst(index, files, entries));
  // Labels are numbers: they mean nothing to a network whose classes have other names or another order.
  std::vector<std::string> classes = !index.classes.empty()   ? index.classes
                                     : !known_classes.empty() ? known_classes
                                                              : NumbersUpTo(entries);
  auto dataset = std::make_unique<PackedDataset>(channels, classes);
  for (size_t s = 0; s < files.size(); ++s) {
    for (const ShardEntry& entry : entries[s])
      if (entry.label >= static_cast<int32_t>(classes.size()))
        return DataLoss("{}: {} is of class {}, and there are {}", files[s].string(), entry.key, entry.label,
                        classes.size());
    dataset->Add(files[s], std::move(entries[s]));
  }
  if (dataset->size() == 0) return NotFound("{}: no picture in {} shards", folder.string(), files.size());
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace riffle
