#include "download/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 1 << 20;

struct Closer {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Closer>;

/// A folder that is gone at the end.
struct TemporaryFolder {
  fs::path path;
  ~TemporaryFolder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

Status Damaged(const Reader& reader) {
  const char* text = archive_error_string(reader.get());
  return DataLoss("it cannot be unpacked: {}", text ? text : "no archive");
}

/// Where an entry goes; an error for one that leads elsewhere.
Result<fs::path> Target(archive_entry* entry, const fs::path& folder) {
  const char* name = archive_entry_pathname(entry);
  const fs::path path = name ? name : "";
  const bool leads_out = path.empty() || path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end();
  if (leads_out) return DataLoss("it has a file '{}', which leads out of the folder", path.string());
  return folder / path;
}

Status WriteFile(const Reader& reader, const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  std::vector<char> block(kBlockBytes);
  la_ssize_t bytes = 0;
  while (file && (bytes = archive_read_data(reader.get(), block.data(), block.size())) > 0)
    file.write(block.data(), bytes);
  if (bytes < 0) return Damaged(reader);
  file.close();
  if (!file) return IoError("{}: cannot be written; is the disk full?", path.string());
  return {};
}

Status ReadAll(const Reader& reader, const fs::path& folder) {
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return {};
    if (result < ARCHIVE_WARN) return Damaged(reader);
    RIFFLE_ASSIGN(const fs::path path, Target(entry, folder));
    const bool is_link = archive_entry_hardlink(entry) != nullptr;
    if (archive_entry_filetype(entry) == AE_IFREG && !is_link) {
      RIFFLE_TRY(WriteFile(reader, path));
    } else if (archive_entry_filetype(entry) == AE_IFDIR) {
      std::error_code error;
      fs::create_directories(path, error);
      if (error) return IoError("{}: cannot be made: {}", path.string(), error.message());
    } else {
      return DataLoss("it has '{}', which is neither a file nor a folder", path.lexically_relative(folder).string());
    }
  }
}

Status MoveAll(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    const fs::path target = to / entry.path().filename();
    fs::remove_all(target, error);
    fs::rename(entry.path(), target, error);
    if (error) return IoError("{}: cannot be written: {}", target.string(), error.message());
  }
  return {};
}

}  // namespace

Status Unpack(const fs::path& archive, const fs::path& folder) {
  const TemporaryFolder temporary{folder / ".unpacking"};
  std::error_code error;
  fs::remove_all(temporary.path, error);
  fs::create_directories(temporary.path, error);
  if (error) return IoError("{}: cannot be made: {}", temporary.path.string(), error.message());
  const Reader reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), archive.c_str(), kBlockBytes) != ARCHIVE_OK)
    return Damaged(reader).In(archive.string());
  if (Status status = ReadAll(reader, temporary.path); !status.ok()) return std::move(status).In(archive.string());
  return MoveAll(temporary.path, folder);
}

}  // namespace riffle
