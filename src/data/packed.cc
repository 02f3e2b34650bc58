// Shards of packed pictures as a data set: which files they are, what an index says of them, and the pictures of tar
// files, whose headers are read once, where they lie. Packs are pack_dataset.cc's.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "backend/threads.h"
#include "base/file.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "data/encoded_dataset.h"
#include "data/left_out.h"
#include "data/pack_dataset.h"
#include "data/readers.h"
#include "data/shard_index.h"
#include "data/shards.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

struct Shard {
  fs::path file;
  FileVersion version;
};

Status ReadAt(const Shard& shard, uint64_t offset, std::vector<uint8_t>& bytes) {
  const std::string name = shard.file.string();
  RIFFLE_ASSIGN(const Descriptor file, OpenToRead(shard.file));
  size_t done = 0;
  struct stat now;
  int error = fstat(file.fd, &now) == 0 ? 0 : errno;
  const bool same = error == 0 && FileVersion(now) == shard.version;
  while (same && done < bytes.size() && error == 0) {
    const ssize_t got = pread(file.fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got == 0) break;
    if (got > 0)
      done += static_cast<size_t>(got);
    else if (errno != EINTR)
      error = errno;
  }
  if (error != 0) return IoError("{}: cannot be read: {}", name, std::strerror(error));
  if (done < bytes.size()) return DataLoss("{}: it has changed since it was opened", name);
  return {};
}

class PackedDataset : public EncodedDataset {
 public:
  PackedDataset(int channels, std::vector<std::string> classes) : EncodedDataset(channels) {
    classes_ = std::move(classes);
  }

  std::string NameOf(int64_t i) const override {
    return fmt::format("{}: {}", shards_[NumberOfShard(i)].file.string(), entries_[i].key);
  }

  Result<std::vector<uint8_t>> Encoded(int64_t i) const override {
    std::vector<uint8_t> bytes(entries_[i].bytes);
    RIFFLE_TRY(ReadAt(shards_[NumberOfShard(i)], entries_[i].offset, bytes));
    return bytes;
  }

  std::vector<int64_t> ShardStarts() const override { return starts_; }

  void LeaveOut(const std::vector<LeftOut>& kinds) {
    passed_over_.Add(kinds);
    left_out_ = passed_over_.Kinds();
  }

  void Add(const Shard& shard, ShardContents contents) {
    starts_.push_back(size());
    shards_.push_back(shard);
    for (ShardEntry& entry : contents.entries) {
      labels_.push_back(entry.label);
      entries_.push_back(std::move(entry));
    }
    for (LeftOut& kind : contents.left_out) kind.example = fmt::format("{}: {}", shard.file.string(), kind.example);
    LeaveOut(contents.left_out);
  }

 private:
  size_t NumberOfShard(int64_t i) const { return std::ranges::upper_bound(starts_, i) - starts_.begin() - 1; }

  std::vector<Shard> shards_;
  std::vector<int64_t> starts_;  // the first picture of each file
  std::vector<ShardEntry> entries_;
  LeftOutFiles passed_over_;
};

/// The shards of one split in one folder, in the order of their names.
struct ShardFiles {
  fs::path folder;
  std::string set;  // "photos-train": the index beside them is photos-train.json
  std::vector<fs::path> files;
  LeftOutFiles left_out;  // tar files that are no shards by their names, and numbers without a shard
};

// Files in `folder` that `choose` takes, sorted. What cannot be looked at, as a link that leads nowhere, is an error
// when it is read.
template <class Choose>
Result<std::vector<fs::path>> ListFiles(const fs::path& folder, const Choose& choose) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    const fs::file_type type = it->status(unreadable).type();
    const bool is_file = type == fs::file_type::regular || type == fs::file_type::not_found ||
                         type == fs::file_type::unknown || type == fs::file_type::none;
    if (is_file && choose(it->path())) files.push_back(it->path());
  }
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  std::ranges::sort(files);
  return files;
}

// What may have been meant as a shard: other tar files and packs, parts of them, numbers that are skipped.
Status AddLeftOut(const std::string& split, ShardFiles& shards) {
  const auto is_known = [&](const fs::path& file) {
    return ShardOf(file, split) ||
           std::ranges::any_of(UsualSplits(), [&](std::string_view usual) { return ShardOf(file, usual).has_value(); });
  };
  struct Kind {
    const char* why;
    bool (*is_of)(const fs::path&);
  };
  static constexpr Kind kKinds[] = {
      {"unfinished files of a 'riffle data pack', which removes them or goes on with them when it is repeated",
       IsLeftByPacking},
      {"tar files that are no shards of a split by their names", IsAlmostTarName},
      {"packs that are of no split by their names", IsAlmostPackName}};
  const auto kind_of = [](const fs::path& file) {
    return std::ranges::find_if(kKinds, [&](const Kind& kind) { return kind.is_of(file); });
  };
  RIFFLE_ASSIGN(const std::vector<fs::path> others, ListFiles(shards.folder, [&](const fs::path& file) {
                  return !is_known(file) && kind_of(file) != std::end(kKinds);
                }));
  for (const fs::path& file : others) shards.left_out.Add(kind_of(file)->why, file.filename());
  std::map<int64_t, fs::path> by_number;
  for (const fs::path& file : shards.files)
    if (const auto number = ShardOf(file, split)->number) by_number.emplace(*number, file.filename());
  for (auto it = by_number.begin(); it != by_number.end() && std::next(it) != by_number.end(); ++it)
    if (std::next(it)->first != it->first + 1)
      shards.left_out.Add("gaps in the shards' numbers", fmt::format("after {}", it->second.string()));
  return {};
}

Result<ShardFiles> ListShards(const fs::path& folder, const std::string& split) {
  RIFFLE_ASSIGN(std::vector<fs::path> files,
                ListFiles(folder, [&](const fs::path& file) { return ShardOf(file, split).has_value(); }));
  ShardFiles shards{.folder = folder, .set = {}, .files = {}, .left_out = {}};
  for (const fs::path& file : files) {
    const std::optional<ShardName> name = ShardOf(file, split);
    if (!name->unpacker.empty()) {
      if (std::ranges::find(files, fs::path(file).replace_extension()) != files.end()) continue;  // unpacked already
      return InvalidArgument(
          "{}: pictures are read by their place in a tar file, and this one is compressed: unpack it ({}), or pack the "
          "pictures with 'riffle data pack'",
          file.string(), name->unpacker);
    }
    if (!shards.files.empty() && IsPackName(shards.files.front()) != IsPackName(file))
      return InvalidArgument("{} and {} are shards of two kinds; let --data_dir name a folder with one",
                             shards.files.front().string(), file.string());
    if (!shards.files.empty() && name->set != shards.set)
      return InvalidArgument("{} and {} are shards of two data sets; let --data_dir name a folder with one",
                             shards.files.front().string(), file.string());
    shards.set = name->set;
    shards.files.push_back(file);
  }
  RIFFLE_TRY(AddLeftOut(split, shards));
  return shards;
}

bool HasShards(const fs::path& folder, const std::string& split) {
  const auto files = ListFiles(folder, [&](const fs::path& file) { return ShardOf(file, split).has_value(); });
  return files.ok() && !files->empty();
}

// A way to name shards that other programs have.
Status CheckIsFolder(const fs::path& data_dir) {
  const std::string text = data_dir.string();
  std::error_code error;
  const bool is_pattern = text.find('{') != std::string::npos || text.find('*') != std::string::npos;
  const bool is_url = text.find(":/") != std::string::npos || text.starts_with("pipe:");
  if (fs::is_directory(data_dir, error) || !(is_pattern || is_url || IsTarName(data_dir) || IsPackName(data_dir)))
    return {};
  return InvalidArgument("{}: the folder with the shards was expected, found {}; let --data_dir name the folder{}",
                         text,
                         is_url                 ? "an address"
                         : is_pattern           ? "a pattern of names"
                         : IsPackName(data_dir) ? "a pack"
                                                : "a tar file",
                         is_url ? "; shards are read from the disk" : "");
}

// Tar files and packs in the folder, or in the split's below it, whose names no split understands: nothing else would
// tell them.
Status CheckNames(const fs::path& data_dir, const std::string& split) {
  constexpr size_t kNamed = 3;
  for (const fs::path& folder : {data_dir, data_dir / split}) {
    const auto files = ListFiles(folder, [](const fs::path& file) { return IsTarName(file) || IsPackName(file); });
    const bool any_understood = std::ranges::any_of(
        UsualSplits(), [&](std::string_view usual) { return HasShards(folder, std::string(usual)); });
    if (!files.ok() || files->empty() || any_understood) continue;
    std::string names;
    for (size_t i = 0; i < std::min(files->size(), kNamed); ++i)
      names += fmt::format("{}'{}'", i > 0 ? ", " : "", (*files)[i].filename().string());
    if (files->size() > kNamed) names += fmt::format(" and {} more", files->size() - kNamed);
    return InvalidArgument(
        "{}: shards are called [NAME-]{}-000000.tar, found {}: rename them, with the split before the number",
        folder.string(), split, names);
  }
  return {};
}

// Where no shard of a split is there: an index that names some, and packs that were not finished.
Status CheckLeftBehind(const fs::path& data_dir, const std::string& split) {
  for (const fs::path& folder : {data_dir, data_dir / split}) {
    const auto indexes = ListFiles(folder, [&](const fs::path& file) {
      return file.extension() == ".json" && ShardOf(fs::path(file).replace_extension(".tar"), split).has_value();
    });
    for (const fs::path& path : indexes.ok() ? *indexes : std::vector<fs::path>()) {
      const auto text = ReadTextFile(path);
      const auto index = text.ok() ? ShardIndexFromJson(*text) : Result<ShardIndex>(text.status());
      if (index.ok() && !index->shards.empty())
        return DataLoss("{}: the index beside it names this shard, and it is not there",
                        (folder / index->shards.front().file).string());
    }
    const auto parts = ListFiles(folder, [&](const fs::path& file) {
      return file.extension() == ".part" && IsPackName(file.stem()) && ShardOf(file.stem(), split).has_value();
    });
    if (parts.ok() && !parts->empty())
      return DataLoss("{}: packing was stopped before its end: the same 'riffle data pack' goes on with it",
                      parts->front().string());
  }
  return {};
}

Result<ShardFiles> FindShards(const fs::path& data_dir, const std::string& split) {
  static constexpr DatasetInfo kAnyFolder{};
  RIFFLE_TRY(CheckIsFolder(data_dir));
  Result<fs::path> folder = FindFolder(data_dir, fmt::format("a shard '{}-000000.tar'", split), kAnyFolder,
                                       [&](const fs::path& candidate) { return HasShards(candidate, split); });
  if (folder.ok()) return ListShards(*folder, split);
  if (folder.status().code() == ErrorCode::kNotFound) {
    RIFFLE_TRY(CheckLeftBehind(data_dir, split));
    RIFFLE_TRY(CheckNames(data_dir, split));
  }
  return folder.status();
}

// The index beside the shards, if there is one.
Result<std::optional<ShardIndex>> ReadIndex(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::optional<ShardIndex>();
  RIFFLE_ASSIGN(const std::string text, ReadTextFile(path));
  Result<ShardIndex> index = ShardIndexFromJson(text);
  if (!index.ok()) return Status(index.status()).In(path.string());
  return std::optional(std::move(*index));
}

// The shards that the index names, and no others, have to be there.
Status CheckFiles(const ShardIndex& index, const ShardFiles& shards) {
  if (index.shards.empty()) return {};
  const auto name_of = [](const fs::path& file) { return file.filename().string(); };
  for (const ShardIndex::Shard& shard : index.shards)
    if (std::ranges::find(shards.files, shard.file, name_of) == shards.files.end())
      return DataLoss("{}: the index beside it names this shard, and it is not there",
                      (shards.folder / shard.file).string());
  for (const fs::path& file : shards.files)
    if (std::ranges::find(index.shards, name_of(file), &ShardIndex::Shard::file) == index.shards.end())
      return DataLoss(
          "{}: the index beside it, {}.json, does not name this shard: remove the shard, or pack anew with "
          "'riffle data pack --overwrite'",
          file.string(), shards.set);
  return {};
}

// What `read` makes of each file, on so many threads; the error of the first that has one.
template <class Contents>
Result<std::vector<Contents>> ReadAll(const std::vector<fs::path>& files, int threads,
                                      Result<Contents> (*read)(const fs::path&)) {
  ThreadPool pool(std::min(threads, static_cast<int>(files.size())));
  std::vector<Result<Contents>> results;
  for (size_t i = 0; i < files.size(); ++i) results.emplace_back(Status());
  pool.ParallelFor(static_cast<int64_t>(files.size()), [&](int64_t i) { results[i] = read(files[i]); });
  std::vector<Contents> contents;
  for (auto& result : results) {
    if (!result.ok()) return result.status();
    contents.push_back(std::move(*result));
  }
  return contents;
}

// Whether a shard is the file that the index tells of. Those that earlier versions wrote have no checksums.
Status CheckShard(const ShardIndex& index, const fs::path& file, size_t pictures, uint32_t checksum) {
  const auto named = std::ranges::find(index.shards, file.filename().string(), &ShardIndex::Shard::file);
  if (named == index.shards.end()) return {};
  const auto there = static_cast<int64_t>(pictures);
  if (there != named->pictures)
    return DataLoss("{}: the index beside it tells of {}, {} found", file.string(), Counted(named->pictures, "picture"),
                    there);
  if (!named->checksum.empty() && IndexChecksum(checksum) != named->checksum)
    return DataLoss(
        "{}: it is not the file that the index beside it tells of, but of another pack or another place in it: bring "
        "back the right one, or pack anew with 'riffle data pack --overwrite'",
        file.string());
  return {};
}

// Packs name the classes themselves; only the index tells that one is missing.
Result<std::unique_ptr<Dataset>> OpenPackFiles(const ShardFiles& shards, const std::optional<ShardIndex>& index,
                                               int channels, int threads) {
  const fs::path index_path = shards.folder / (shards.set + ".json");
  if (!index || index->shards.empty())
    return DataLoss(
        "{}: the index of the packs beside it was expected, which 'riffle data pack' writes last; pack anew",
        index_path.string());
  RIFFLE_ASSIGN(std::vector<OpenedPack> packs, ReadAll(shards.files, threads, OpenPack));
  for (const OpenedPack& pack : packs) {
    RIFFLE_TRY(CheckShard(*index, pack.file.path(), pack.head.pictures.size(), pack.head.checksum));
    if (pack.head.classes != index->classes)
      return DataLoss("{}: its classes are not those that {} names: pack anew with 'riffle data pack --overwrite'",
                      pack.file.path().string(), index_path.string());
  }
  std::unique_ptr<Dataset> dataset = MakePackDataset(std::move(packs), channels, shards.left_out.Kinds());
  dataset->SetPlace(shards.folder);
  if (dataset->size() == 0) return DataLoss("{}: its packs have no pictures", index_path.string());
  return dataset;
}

// Without an index, as other programs leave it, classes are called by their numbers: those from 0 to the largest one,
// which only an index could say if some of them had no pictures.
Result<std::vector<std::string>> NumbersOf(const ShardFiles& shards, const std::vector<ShardContents>& contents) {
  std::set<int32_t> labels;
  for (const ShardContents& shard : contents)
    for (const ShardEntry& entry : shard.entries) labels.insert(entry.label);
  std::vector<std::string> names;
  for (const int32_t label : labels) {
    if (label == static_cast<int32_t>(names.size())) {
      names.push_back(std::to_string(label));
      continue;
    }
    for (size_t s = 0; s < contents.size(); ++s)
      for (const ShardEntry& entry : contents[s].entries)
        if (entry.label == *labels.rbegin())
          return DataLoss(
              "{}: {} is of class {}, and no picture is of class {}, where classes count from 0: correct it, or write "
              "{}.json beside the shards with all names: {{\"classes\": [\"ant\", ...]}}",
              shards.files[s].string(), entry.key, entry.label, names.size(), shards.set);
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenPacked(const fs::path& data_dir, const std::string& split, int channels,
                                            const std::vector<std::string>& known_classes, int threads) {
  RIFFLE_ASSIGN(const ShardFiles shards, FindShards(data_dir.empty() ? "." : data_dir, split));
  RIFFLE_ASSIGN(const std::optional<ShardIndex> index, ReadIndex(shards.folder / (shards.set + ".json")));
  if (index) RIFFLE_TRY(CheckFiles(*index, shards));
  if (IsPackName(shards.files.front())) return OpenPackFiles(shards, index, channels, threads);
  std::vector<FileVersion> versions;
  for (const fs::path& file : shards.files) {
    RIFFLE_ASSIGN(const FileVersion version, VersionOf(file));
    versions.push_back(version);
  }
  RIFFLE_ASSIGN(std::vector<ShardContents> contents, ReadAll(shards.files, threads, ReadShard));
  for (size_t s = 0; index && s < shards.files.size(); ++s)
    RIFFLE_TRY(CheckShard(*index, shards.files[s], contents[s].entries.size(), ChecksumOf(contents[s].entries)));
  // Labels are numbers: they mean nothing to a network whose classes have other names or another order.
  std::vector<std::string> classes = index ? index->classes : known_classes;
  if (classes.empty()) {
    RIFFLE_ASSIGN(classes, NumbersOf(shards, contents));
  }
  auto dataset = std::make_unique<PackedDataset>(channels, classes);
  dataset->SetPlace(shards.folder);
  dataset->LeaveOut(shards.left_out.Kinds());
  for (size_t s = 0; s < shards.files.size(); ++s) {
    for (const ShardEntry& entry : contents[s].entries)
      if (entry.label >= static_cast<int32_t>(classes.size()))
        return DataLoss("{}: {} is of class {}, and there are {}, counted from 0", shards.files[s].string(), entry.key,
                        entry.label, classes.size());
    dataset->Add({shards.files[s], versions[s]}, std::move(contents[s]));
  }
  if (dataset->size() == 0)
    return DataLoss(
        "{}: no picture with a class in {}; a shard has an entry KEY.jpg and an entry KEY.cls for each picture",
        (shards.folder / shards.set).string(), Counted(static_cast<int64_t>(shards.files.size()), "shard"));
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace riffle
