#include "data/pack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "data/order.h"
#include "data/pack_staging.h"
#include "data/shards.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

struct WriterCloser {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryCloser {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
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
    RIFFLE_ASSIGN(const ShardContents written, ReadShard(file.part()));  // before it takes anything's place
    set.index.shards.push_back(
        {file.path().filename().string(), end - begin, IndexChecksum(ChecksumOf(written.entries))});
  }
  return set;
}

}  // namespace

Status Pack(std::span<const NamedSplit> splits, const PackOptions& options, const PackProgress& progress) {
  RIFFLE_ASSIGN(const Workplace place, Occupy(splits, options));
  if (place.present.any() && !options.overwrite) return IsThereAlready(place.present);
  RIFFLE_TRY(RemoveFiles(place.present.parts));
  std::vector<StagedSet> sets;
  for (const NamedSplit& split : splits) {
    RIFFLE_ASSIGN(StagedSet set, Stage(split, options, progress));
    sets.push_back(std::move(set));
  }
  return PutInPlace(place.present, sets);
}

}  // namespace riffle
