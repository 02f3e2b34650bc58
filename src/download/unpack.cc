#include "download/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 1 << 20;
// gzip packs a thousand zeros into a byte: what has more than this is none of the data sets that are fetched.
constexpr int64_t kMostUnpackedBytes = int64_t{8} << 30;
constexpr int64_t kLeastBytesOnDisk = 4096;  // of a file, though it be empty

struct Closer {
  void operator()(archive* a) const { archive_free(a); }
};
using Archive = std::unique_ptr<archive, Closer>;

/// A folder that is gone at the end.
struct TemporaryFolder {
  fs::path path;
  ~TemporaryFolder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

Status Damaged(const Archive& reader) {
  const char* text = archive_error_string(reader.get());
  return DataLoss("it cannot be unpacked: {}", text ? text : "no archive");
}

/// Sends the entry below `folder`, and leaves the rest of what it asks for to us: its owner, time and permissions. The
/// folder's own path may be absolute, so libarchive cannot be told that no entry's may (SECURE_NOABSOLUTEPATHS).
Status Redirect(archive_entry* entry, const std::string& name, const fs::path& folder) {
  if (name.empty() || name.starts_with('/')) return DataLoss("it has a file '{}', which leads out of the folder", name);
  const auto type = archive_entry_filetype(entry);
  if (archive_entry_hardlink(entry) != nullptr || (type != AE_IFREG && type != AE_IFDIR))
    return DataLoss("it has '{}', which is neither a file nor a folder", name);
  archive_entry_copy_pathname(entry, (folder / name).c_str());
  archive_entry_set_perm(entry, type == AE_IFDIR ? 0777 : 0666);  // less the umask
  return {};
}

/// `folder` has no link in its path.
Status ReadAll(const Archive& reader, const fs::path& folder) {
  const Archive disk(archive_write_disk_new());
  archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
  for (int64_t room = kMostUnpackedBytes;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return {};
    if (result < ARCHIVE_WARN) return Damaged(reader);
    const char* pathname = archive_entry_pathname(entry);
    const std::string name = pathname ? pathname : "";
    RIFFLE_TRY(Redirect(entry, name, folder));
    const int64_t bytes = std::max(archive_entry_size(entry), kLeastBytesOnDisk);
    if (bytes > room)
      return DataLoss("it unpacks to more than the {} bytes that are allowed, as no data set does: fetch it elsewhere",
                      kMostUnpackedBytes);
    room -= bytes;
    if (archive_read_extract2(reader.get(), entry, disk.get()) == ARCHIVE_OK) continue;
    const int refused = archive_errno(disk.get());  // the system's number, or none where the entry itself is at fault
    if (refused > 0) return IoError("{}: cannot be written: {}", (folder / name).string(), std::strerror(refused));
    return Damaged(reader).In(fmt::format("'{}'", name));
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
  const Archive reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), archive.c_str(), kBlockBytes) != ARCHIVE_OK)
    return Damaged(reader).In(archive.string());
  if (Status status = ReadAll(reader, fs::canonical(temporary.path)); !status.ok())
    return std::move(status).In(archive.string());
  return MoveAll(temporary.path, folder);
}

}  // namespace riffle
