#include "data/pack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <set>

#include "base/file.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "data/order.h"
#include "data/pack_file.h"
#include "data/shard_index.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartEnding = ".part";
constexpr const char* kLockName = ".pack.lock";

struct WriterCloser {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryCloser {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

fs::path FolderOf(const fs::path& prefix) { return prefix.has_parent_path() ? prefix.parent_path() : "."; }

fs::path PartOf(const fs::path& path) { return path.string() + std::string(kPartEnding); }

/// A file that is written beside its place, and removed if it never gets there, unless it is worth being kept.
class Staged {
 public:
  explicit Staged(fs::path path) : path_(std::move(path)) {}
  Staged(Staged&& other) noexcept : path_(std::exchange(other.path_, {})), kept_(other.kept_) {}
  Staged& operator=(Staged&&) = delete;
  ~Staged() {
    std::error_code error;
    if (!path_.empty() && !kept_) fs::remove(part(), error);
  }

  const fs::path& path() const { return path_; }
  fs::path part() const { return PartOf(path_); }
  void Keep() { kept_ = true; }

  Status PutInPlace() {
    std::error_code error;
    fs::rename(part(), path_, error);
    if (error) return IoError("{}: cannot be written: {}", path_.string(), error.message());
    path_.clear();
    return {};
  }

 private:
  fs::path path_;
  bool kept_ = false;
};

class TarWriter {
 public:
  explicit TarWriter(const Staged& file) : path_(file.path()) {
    archive_write_set_format_ustar(writer_.get());
    failed_ = archive_write_open_filename(writer_.get(), file.part().c_str()) != ARCHIVE_OK;
  }

  Status Add(const std::string& name, const void* content, size_t bytes) {
    if (failed_) return Error();
    const std::unique_ptr<archive_entry, EntryCloser> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);  // the same pictures give the same bytes
    if (archive_write_header(writer_.get(), entry.get()) != ARCHIVE_OK) return Error();
    if (archive_write_data(writer_.get(), content, bytes) != static_cast<la_ssize_t>(bytes)) return Error();
    return {};
  }

  Status Finish() { return archive_write_close(writer_.get()) == ARCHIVE_OK ? Status() : Error(); }

 private:
  Status Error() const {
    const int error = archive_errno(writer_.get());
    return IoError("{}: cannot be written: {}", path_.string(), error > 0 ? std::strerror(error) : "unknown reason");
  }

  fs::path path_;
  std::unique_ptr<archive, WriterCloser> writer_{archive_write_new()};
  bool failed_ = false;
};

// "00000017_0013035.jpg" of ".../ants/0013035.JPG": the number makes it unique, the name tells a person which it is.
// WebDataset ends a key at the first dot.
std::pair<std::string, std::string> KeyAndEnding(int64_t number, const std::string& name) {
  constexpr size_t kNameBytes = 60;  // the old tar format has room for a hundred
  std::string stem = fs::path(name).stem().string();
  const std::string ending = Lowercase(fs::path(name).extension().string());
  std::ranges::replace_if(
      stem, [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '_'; }, '_');
  return {fmt::format("{:08}_{}", number, stem.substr(0, kNameBytes)), ending};
}

/// The shards of one split, on their way.
struct StagedSet {
  fs::path index_path;
  ShardIndex index;
  std::vector<Staged> shards;
};

Result<StagedSet> Stage(const NamedSplit& split, const PackOptions& options, const PackProgress& progress) {
  const Dataset& data = *split.data;
  const std::string prefix = fmt::format("{}-{}", options.prefix, split.name);
  const std::vector<int64_t> order = EpochOrder(data.size(), true, options.seed, 0);
  StagedSet set{.index_path = prefix + ".json", .index = {.classes = data.classes(), .shards = {}}, .shards = {}};
  for (int64_t begin = 0; begin < data.size(); begin += options.shard_size) {
    const int64_t end = std::min(begin + options.shard_size, data.size());
    const Staged& file = set.shards.emplace_back(fmt::format("{}-{:06}.tar", prefix, set.shards.size()));
    TarWriter tar(file);
    for (int64_t i = begin; i < end; ++i) {
      RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, data.Encoded(order[i]));
      const auto [key, ending] = KeyAndEnding(i, data.NameOf(order[i]));
      const std::string label = std::to_string(data.label(order[i]));
      RIFFLE_TRY(tar.Add(key + ending, bytes.data(), bytes.size()));
      RIFFLE_TRY(tar.Add(key + ".cls", label.data(), label.size()));
      if (progress) RIFFLE_TRY(progress(i + 1, data.size()));
    }
    RIFFLE_TRY(tar.Finish());
    set.index.shards.push_back({file.path().filename().string(), end - begin});
  }
  return set;
}

/// What lies in the folder under the prefix.
struct Present {
  std::vector<fs::path> shards, indexes;
  std::vector<fs::path> parts;  // that a crash left

  bool any() const { return !shards.empty() || !indexes.empty(); }
};

// Not everything called so is an index, nor even a file.
bool IsIndex(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  const auto text = ReadTextFile(path);
  return text.ok() && (*text == kUnfinishedIndex || ShardIndexFromJson(*text).ok());
}

bool IsPackFile(const fs::path& path) {
  const auto file = MappedFile::Open(path);
  return file.ok() && IsPack(file->bytes());
}

// InvalidArgument where a split would then be there twice, under two names, or where an index or a pack would replace a
// file that is none.
Result<Present> LookAround(std::span<const NamedSplit> splits, const fs::path& prefix) {
  std::set<std::string> names(UsualSplits().begin(), UsualSplits().end());
  for (const NamedSplit& split : splits) names.insert(split.name);
  const fs::path folder = FolderOf(prefix);
  Present present;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path path = prefix.parent_path() / it->path().filename();
    const bool is_part = path.extension() == kPartEnding;
    for (const std::string& split : names) {
      const bool is_packed = std::ranges::find(splits, split, &NamedSplit::name) != splits.end();
      const std::string set = fmt::format("{}-{}", prefix.filename().string(), split);
      const auto shard = ShardOf(is_part ? path.stem() : path, split);
      if (shard && shard->set == set && !is_part && IsPackName(path) && !IsPackFile(path))
        return InvalidArgument("{}: lies there already and is no pack of pictures; choose another name", path.string());
      if (shard && shard->set == set)
        (is_part ? present.parts : present.shards).push_back(path);
      else if (shard && !is_part && is_packed)
        return InvalidArgument(
            "{}: this split '{}' of another data set lies in the folder already: pack into one of its own",
            path.string(), split);
      else if (path.filename() != set + ".json")
        continue;
      else if (IsIndex(path))
        present.indexes.push_back(path);
      else if (is_packed)
        return InvalidArgument("{}: lies there already and is no index of shards; choose another name", path.string());
    }
  }
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  std::ranges::sort(present.shards);
  std::ranges::sort(present.indexes);
  return present;
}

Status Remove(const std::vector<fs::path>& files) {
  std::error_code error;
  for (const fs::path& file : files)
    if (!fs::remove(file, error) && error) return IoError("{}: cannot be removed: {}", file.string(), error.message());
  return {};
}

// From old sets to new ones. Whatever stops it, no index describes shards that are others than those it was made for.
Status PutInPlace(const Present& old, std::vector<StagedSet>& sets) {
  std::set<fs::path> indexes(old.indexes.begin(), old.indexes.end()), gone = indexes;
  for (const StagedSet& set : sets) {
    indexes.insert(set.index_path);
    gone.erase(set.index_path);
  }
  for (const fs::path& index : indexes) RIFFLE_TRY(WriteFileAtomically(index, kUnfinishedIndex));
  RIFFLE_TRY(Remove(old.shards));
  for (StagedSet& set : sets)
    for (Staged& shard : set.shards) RIFFLE_TRY(shard.PutInPlace());
  for (const StagedSet& set : sets) RIFFLE_TRY(WriteFileAtomically(set.index_path, ToJson(set.index)));
  return Remove({gone.begin(), gone.end()});
}

Status CheckNames(std::span<const NamedSplit> splits, const PackOptions& options) {
  if (options.shard_size < 1)
    return InvalidArgument("shard_size: at least 1 was expected, {} found", options.shard_size);
  const std::string prefix = fs::path(options.prefix).filename().string();
  if (prefix.empty() || IsStream(options.prefix))
    return InvalidArgument(
        "option out: expected the beginning of the shards' names, found '{}'; pack writes several files",
        options.prefix);
  if (prefix.starts_with('.'))
    return InvalidArgument(
        "'{}': the beginning of the shards' names was expected, as in {}: hidden files are no shards", options.prefix,
        (fs::path(options.prefix).parent_path() / "photos").string());
  if (!IsUtf8(prefix))
    return InvalidArgument("the shards' name {} is not UTF-8, which their index has to hold: choose another",
                           Quoted(prefix));
  for (const NamedSplit& split : splits)
    for (const std::string& name : split.data->classes())
      if (!IsUtf8(name))
        return InvalidArgument(
            "the class name {} is not UTF-8, which the index of shards has to hold: rename its folder", Quoted(name));
  return {};
}

/// The folder with the lock on it, until the work is done.
struct Workplace {
  FileLock lock;
  Present present;
};

Result<Workplace> Occupy(std::span<const NamedSplit> splits, const PackOptions& options) {
  RIFFLE_TRY(CheckNames(splits, options));
  const fs::path prefix = options.prefix, folder = FolderOf(prefix);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: cannot be made: {}", folder.string(), error.message());
  RIFFLE_ASSIGN(FileLock lock, FileLock::TakeAtOnce(folder / kLockName, [&](const std::string& holder) {
                  return InvalidArgument("{}: {} is packing into this folder; wait for it, or choose another folder",
                                         folder.string(), holder);
                }));
  RIFFLE_ASSIGN(Present present, LookAround(splits, prefix));
  return Workplace{std::move(lock), std::move(present)};
}

Status IsThereAlready(const Present& present) {
  return InvalidArgument("{}: an earlier pack is there already; choose another name, or add --overwrite to replace it",
                         (present.shards.empty() ? present.indexes : present.shards).front().string());
}

// ---- packs

/// One of the packs of a split, as it shall become.
struct PlannedPack {
  fs::path path;
  std::vector<int64_t> chosen;  // pictures, in its order
  std::string recipe;
  enum { kMissing, kBeside, kInPlace } whole = kMissing;  // where an earlier run left it
};

struct PlannedSet {
  const NamedSplit* split;
  fs::path index_path;
  std::vector<PlannedPack> packs;

  int64_t pictures_left() const {
    int64_t left = 0;
    for (const PlannedPack& pack : packs)
      if (pack.whole == PlannedPack::kMissing) left += static_cast<int64_t>(pack.chosen.size());
    return left;
  }
};

bool IsWhole(const fs::path& path, const std::string& recipe) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return false;
  const auto head = ReadPackHead(file->bytes());
  return head.ok() && head->recipe == recipe;
}

// All that the bytes of a pack follow from.
std::string RecipeOf(const Dataset& data, const std::string& checksum, const PackForm& form, uint64_t seed,
                     int64_t begin, int64_t end) {
  return fmt::format("shorter side {}, {}, {}, seed {}: pictures {} to {} of {}, {}", form.max_side,
                     NameOf(form.interpolation), form.quality ? fmt::format("JPEG {}", *form.quality) : "raw", seed,
                     begin, end, data.size(), checksum);
}

PlannedSet Plan(const NamedSplit& split, const PackOptions& options, const PackForm& form) {
  const Dataset& data = *split.data;
  const std::string prefix = fmt::format("{}-{}", options.prefix, split.name), checksum = data.Checksum();
  const std::vector<int64_t> order = EpochOrder(data.size(), true, options.seed, 0);
  PlannedSet set{.split = &split, .index_path = prefix + ".json", .packs = {}};
  for (int64_t begin = 0; begin < data.size(); begin += options.shard_size) {
    const int64_t end = std::min(begin + options.shard_size, data.size());
    PlannedPack pack{.path = fmt::format("{}-{:06}.pack", prefix, set.packs.size()),
                     .chosen = {order.begin() + begin, order.begin() + end},
                     .recipe = RecipeOf(data, checksum, form, options.seed, begin, end)};
    if (IsWhole(pack.path, pack.recipe))
      pack.whole = PlannedPack::kInPlace;
    else if (IsWhole(PartOf(pack.path), pack.recipe))
      pack.whole = PlannedPack::kBeside;
    set.packs.push_back(std::move(pack));
  }
  return set;
}

// What is there and is none of the plan's: others' files, and parts that are not whole or of another plan.
Present NotPlanned(const Present& present, const std::vector<PlannedSet>& sets) {
  std::set<fs::path> kept;
  for (const PlannedSet& set : sets)
    for (const PlannedPack& pack : set.packs) {
      if (pack.whole == PlannedPack::kInPlace) kept.insert({pack.path, set.index_path});
      if (pack.whole == PlannedPack::kBeside) kept.insert(PartOf(pack.path));
    }
  Present others = present;
  for (auto* const files : {&others.shards, &others.indexes, &others.parts})
    std::erase_if(*files, [&](const fs::path& file) { return kept.contains(file); });
  std::erase_if(others.indexes, [](const fs::path& index) {
    const auto text = ReadTextFile(index);
    return text.ok() && *text == kUnfinishedIndex;
  });
  return others;
}

Result<PackNeeds> NeedsOf(ThreadPool& pool, const std::vector<PlannedSet>& sets, const PackForm& form,
                          const fs::path& folder) {
  PackNeeds needs;
  for (const PlannedSet& set : sets) {
    needs.files_kept += std::ranges::count_if(set.packs, [](const PlannedPack& p) { return p.whole != p.kMissing; });
    const int64_t left = set.pictures_left();
    if (left == 0) continue;
    RIFFLE_ASSIGN(const double bytes, BytesOfPackedPicture(pool, *set.split->data, form));
    needs.bytes += bytes * static_cast<double>(left);
    needs.pictures += left;
  }
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return IoError("{}: its free room cannot be asked for: {}", folder.string(), error.message());
  needs.bytes_free = static_cast<double>(space.available);
  if (needs.bytes > needs.bytes_free)
    return IoError(
        "{}: about {:.1f} GB are needed, {:.1f} GB are free: make room, or pack smaller (--max_side, --quality)",
        folder.string(), needs.bytes / 1e9, needs.bytes_free / 1e9);
  return needs;
}

Result<StagedSet> StagePacks(ThreadPool& pool, const PlannedSet& set, const PackForm& form,
                             const PackedSoFar& progress) {
  const Dataset& data = *set.split->data;
  StagedSet staged{.index_path = set.index_path, .index = {.classes = data.classes(), .shards = {}}, .shards = {}};
  int64_t done = 0;
  for (const PlannedPack& pack : set.packs) {
    const auto count = static_cast<int64_t>(pack.chosen.size());
    staged.index.shards.push_back({pack.path.filename().string(), count});
    if (pack.whole == PlannedPack::kInPlace) continue;
    Staged& file = staged.shards.emplace_back(pack.path);
    if (pack.whole == PlannedPack::kMissing) {
      RIFFLE_TRY(WritePack(pool, data, pack.chosen, form, pack.recipe, file.part(),
                           [&](int64_t of_pack) { return progress(done + of_pack); }));
      done += count;
    }
    file.Keep();
  }
  return staged;
}

Result<PackReport> ReportOn(const PlannedSet& set) {
  PackReport report;
  for (const PlannedPack& pack : set.packs) {
    RIFFLE_ASSIGN(const MappedFile file, MappedFile::Open(pack.path));
    RIFFLE_ASSIGN(const PackHead head, ReadPackHead(file.bytes()));
    ++report.files;
    report.bytes += file.bytes().size();
    for (size_t i = 0; i < head.pictures.size(); ++i) {
      const PackedPicture& row = head.pictures[i];
      ++report.pictures;
      report.grey += row.channels == 1 ? 1 : 0;
      if (!row.readable() && report.unreadable++ == 0) report.unreadable_example = head.NameOf(i);
    }
  }
  return report;
}

}  // namespace

Status Pack(std::span<const NamedSplit> splits, const PackOptions& options, const PackProgress& progress) {
  RIFFLE_ASSIGN(const Workplace place, Occupy(splits, options));
  if (place.present.any() && !options.overwrite) return IsThereAlready(place.present);
  RIFFLE_TRY(Remove(place.present.parts));
  std::vector<StagedSet> sets;
  for (const NamedSplit& split : splits) {
    RIFFLE_ASSIGN(StagedSet set, Stage(split, options, progress));
    sets.push_back(std::move(set));
  }
  return PutInPlace(place.present, sets);
}

Result<std::vector<PackReport>> PackResized(ThreadPool& pool, std::span<const NamedSplit> splits,
                                            const PackOptions& options, const PackForm& form,
                                            const PackEvents& events) {
  RIFFLE_ASSIGN(const Workplace place, Occupy(splits, options));
  std::vector<PlannedSet> planned;
  for (const NamedSplit& split : splits) planned.push_back(Plan(split, options, form));
  Present others = NotPlanned(place.present, planned);
  if (others.any() && !options.overwrite) return IsThereAlready(others);
  RIFFLE_TRY(Remove(others.parts));
  RIFFLE_ASSIGN(const PackNeeds needs, NeedsOf(pool, planned, form, FolderOf(options.prefix)));
  events.begin(needs);
  std::vector<StagedSet> sets;
  int64_t done = 0;
  for (const PlannedSet& set : planned) {
    RIFFLE_ASSIGN(StagedSet staged, StagePacks(pool, set, form, [&](int64_t of_set) {
                    return events.progress(done + of_set, needs.pictures);
                  }));
    done += set.pictures_left();
    sets.push_back(std::move(staged));
  }
  RIFFLE_TRY(PutInPlace({.shards = others.shards, .indexes = place.present.indexes, .parts = {}}, sets));
  std::vector<PackReport> reports;
  for (const PlannedSet& set : planned) {
    RIFFLE_ASSIGN(const PackReport report, ReportOn(set));
    reports.push_back(report);
  }
  return reports;
}

}  // namespace riffle
