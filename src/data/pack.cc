#include "data/pack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "base/file.h"
#include "data/order.h"
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

/// A tar file that appears under its name when it is whole.
class TarWriter {
 public:
  static Result<std::unique_ptr<TarWriter>> Create(const fs::path& path) {
    std::unique_ptr<TarWriter> tar(new TarWriter(path));
    archive_write_set_format_ustar(tar->writer_.get());
    if (archive_write_open_filename(tar->writer_.get(), tar->partial_.c_str()) != ARCHIVE_OK) return tar->Error();
    return tar;
  }
  ~TarWriter() {
    std::error_code error;
    fs::remove(partial_, error);
  }

  Status Add(const std::string& name, const void* content, size_t bytes) {
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

  Status Finish() {
    if (archive_write_close(writer_.get()) != ARCHIVE_OK) return Error();
    std::error_code error;
    fs::rename(partial_, path_, error);
    if (error) return IoError("{}: cannot be written: {}", path_.string(), error.message());
    return {};
  }

 private:
  explicit TarWriter(fs::path path) : path_(std::move(path)), partial_(path_.string() + ".part") {}

  Status Error() const {
    const char* text = archive_error_string(writer_.get());
    return IoError("{}: cannot be written: {}", partial_.string(), text ? text : "unknown reason");
  }

  const fs::path path_, partial_;
  std::unique_ptr<archive, WriterCloser> writer_{archive_write_new()};
};

// "00000017_0013035.jpg" of ".../ants/0013035.JPG": the number makes it unique, the name tells a person which it is.
// WebDataset ends a key at the first dot.
std::pair<std::string, std::string> KeyAndEnding(int64_t number, const std::string& name) {
  constexpr size_t kNameBytes = 60;  // the old tar format has room for a hundred
  std::string stem = fs::path(name).stem().string(), ending = fs::path(name).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  std::ranges::replace_if(
      stem, [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '_'; }, '_');
  return {fmt::format("{:08}_{}", number, stem.substr(0, kNameBytes)), ending};
}

}  // namespace

Status Pack(const Dataset& dataset, const PackOptions& options, const PackProgress& progress) {
  if (options.shard_size < 1)
    return InvalidArgument("shard_size: at least 1 was expected, {} found", options.shard_size);
  const fs::path prefix = options.prefix, folder = prefix.parent_path();
  if (prefix.filename().empty())
    return InvalidArgument("'{}': the beginning of the shards' names was expected", options.prefix);
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) return IoError("{}: cannot be made: {}", folder.string(), error.message());
  const std::vector<int64_t> order = EpochOrder(dataset.size(), true, options.seed, 0);
  ShardIndex index{.classes = dataset.classes(), .shards = {}};
  for (int64_t begin = 0; begin < dataset.size(); begin += options.shard_size) {
    const int64_t end = std::min(begin + options.shard_size, dataset.size());
    const std::string file = fmt::format("{}-{:06}.tar", prefix.filename().string(), index.shards.size());
    RIFFLE_ASSIGN(const std::unique_ptr<TarWriter> tar, TarWriter::Create(folder / file));
    for (int64_t i = begin; i < end; ++i) {
      RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, dataset.Encoded(order[i]));
      const auto [key, ending] = KeyAndEnding(i, dataset.NameOf(order[i]));
      const std::string label = std::to_string(dataset.label(order[i]));
      RIFFLE_TRY(tar->Add(key + ending, bytes.data(), bytes.size()));
      RIFFLE_TRY(tar->Add(key + ".cls", label.data(), label.size()));
      if (progress) progress(i + 1, dataset.size());
    }
    RIFFLE_TRY(tar->Finish());
    index.shards.push_back({file, end - begin});
  }
  return WriteFileAtomically(prefix.string() + ".json", ToJson(index));
}

}  // namespace riffle
