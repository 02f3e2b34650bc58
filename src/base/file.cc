#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

Status SystemError(const fs::path& path, const char* doing) {
  const int error = errno;
  if (error == ENOENT) return NotFound("{}: no such file or folder", path.string());
  return IoError("{}: cannot {}: {}", path.string(), doing, std::strerror(error));
}

Status IsAFolder(const fs::path& path) {
  return InvalidArgument("{}: is a folder, a file was expected", path.string());
}

// ---- reading

/// What lies between here and the end, of a file whose size is not known beforehand.
Result<std::vector<uint8_t>> ReadToEnd(int fd, uint64_t max_bytes, const fs::path& path) {
  constexpr size_t kFirstBytes = 1 << 16;
  std::vector<uint8_t> bytes(kFirstBytes);
  for (size_t done = 0;;) {
    const ssize_t n = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path, "read");
    done += static_cast<size_t>(n);
    if (done > max_bytes)
      return InvalidArgument("{}: more than {} bytes, at most so many were expected", path.string(), max_bytes);
    if (n == 0) {
      bytes.resize(done);
      return bytes;
    }
    if (done == bytes.size()) bytes.resize(2 * done);
  }
}

/// An error for what is no file, unless it ends by itself and whoever writes to it is there. REQUIRES: `info` is that
/// of the path.
Status CheckKind(const fs::path& path, const struct stat& info) {
  if (S_ISREG(info.st_mode)) return {};
  if (S_ISDIR(info.st_mode)) return IsAFolder(path);
  const int given = DescriptorOf(path);
  if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode))
    return given >= 0 ? Status() : InvalidArgument("{}: is a pipe (FIFO), a file was expected", path.string());
  const dev_t null = makedev(1, 3);
  if (S_ISCHR(info.st_mode) && (info.st_rdev == null || (given >= 0 && ::isatty(given) == 1))) return {};
  return InvalidArgument("{}: is a device, a file was expected", path.string());
}

template <class Bytes>
Result<Bytes> ReadInto(const fs::path& path, uint64_t max_bytes) {
  RIFFLE_ASSIGN(const Descriptor file, OpenToRead(path));
  struct stat info;
  if (::fstat(file.fd, &info) != 0) return SystemError(path, "stat");
  const auto size = static_cast<uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || size == 0) {  // files of /proc have no size either
    RIFFLE_ASSIGN(const std::vector<uint8_t> read, ReadToEnd(file.fd, std::min(max_bytes, kMaxStreamBytes), path));
    Bytes bytes(read.size());
    std::ranges::copy(read, bytes.begin());
    return bytes;
  }
  if (size > max_bytes)
    return InvalidArgument("{}: {} bytes, at most {} were expected; is it another file that was meant?", path.string(),
                           size, max_bytes);
  Bytes bytes(static_cast<size_t>(size));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::read(file.fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path, "read");
    if (n == 0) return DataLoss("{}: {} bytes were expected, it ended after {}", path.string(), size, done);
    done += static_cast<size_t>(n);
  }
  return bytes;
}

// ---- writing

Status WriteAll(int fd, std::span<const std::string_view> parts, const fs::path& path) {
  for (std::string_view bytes : parts)
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return SystemError(path, "write");
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  return {};
}

fs::path FolderOf(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : "."; }

/// What a process has open, as a name in /proc stands for it.
struct OpenFile {
  int fd;
  bool is_ours;
};

/// For /dev/fd/N, /proc/PID/fd/N, /proc/thread-self/fd/N and whatever else leads into such a folder.
std::optional<OpenFile> OpenFileNamed(const fs::path& path) {
  std::error_code none;
  const fs::path folder = fs::canonical(FolderOf(path), none);  // /proc/PID/fd or /proc/PID/task/TID/fd
  if (none || folder.filename() != "fd" || !folder.string().starts_with("/proc/")) return std::nullopt;
  const std::string name = path.filename().string();
  const std::optional<int> fd = ParseNumber<int>(name);
  if (!fd || *fd < 0) return std::nullopt;
  const std::string self = fs::canonical("/proc/self", none).string() + '/';
  return OpenFile{.fd = *fd, .is_ours = folder.string().starts_with(self)};
}

/// Where a target leads once its links are followed.
struct Place {
  fs::path path;                   ///< not a link, unless it stands for an open file
  std::optional<OpenFile> open;    ///< whose end is written to, whatever it is: others write there, too
  std::optional<struct stat> old;  ///< what is there, if anything

  std::optional<int> fd() const { return open && open->is_ours ? std::optional(open->fd) : std::nullopt; }
  bool IsWrittenTo() const { return open || (old && !S_ISREG(old->st_mode)); }
};

Result<Place> Follow(const fs::path& target) {
  constexpr int kMostLinks = 40;  // as Linux has it
  if (target.empty()) return InvalidArgument("expected a file to write, found an empty name");
  Place place = {.path = target, .open = {}, .old = {}};
  for (int links = 0;; ++links) {
    if (links > kMostLinks) return InvalidArgument("{}: its links lead in a circle", target.string());
    place.open = OpenFileNamed(place.path);
    if (place.fd()) return place;
    if (place.open) break;
    std::error_code no_link;
    const fs::path to = fs::read_symlink(place.path, no_link);
    if (no_link) break;
    place.path = place.path.parent_path() / to;
  }
  struct stat info;
  if (::stat(place.path.c_str(), &info) == 0) {
    place.old = info;
  } else if (errno != ENOENT) {
    return SystemError(target, "write there");
  }
  return place;
}

constexpr std::string_view kPart = ".part";  // and the number of the process

/// The name of an unfinished file, beside the place of the finished one and on its file system.
fs::path Beside(const fs::path& path) {
  constexpr size_t kMostNameBytes = 200;  // with the ending, a file system's 255 are enough
  return FolderOf(path) /
         (path.filename().string().substr(0, kMostNameBytes) + std::string(kPart) + std::to_string(::getpid()));
}

/// A file that does not count until it is moved to its place. It has no name where the file system can do that, so that
/// nothing stays behind if the process is killed.
class Unfinished {
 public:
  Unfinished(const fs::path& place, const fs::path& target)
      : target_(target), beside_(Beside(place)), file_(OpenNameless(FolderOf(place))) {
    if (file_.fd >= 0) return;
    file_.fd = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    has_name_ = file_.fd >= 0;
  }
  ~Unfinished() {
    const int error = errno;
    if (has_name_) ::unlink(beside_.c_str());
    errno = error;
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  bool ok() const { return file_.fd >= 0; }
  int fd() const { return file_.fd; }

  void TakeOwnerAndMode(const struct stat& old) const {
    // Not everyone may give a file away; then it is the writer's, with the same permissions.
    if (::fchown(fd(), old.st_uid, old.st_gid) != 0) (void)!::fchown(fd(), -1, old.st_gid);
    (void)::fchmod(fd(), old.st_mode & 07777);
  }

  /// To the disk, and under a name.
  Status Finish() {
    if (::fsync(fd()) != 0) return SystemError(target_, "flush");
    if (has_name_) return {};
    const std::string nameless = fmt::format("/proc/self/fd/{}", fd());
    ::unlink(beside_.c_str());  // of a process that had this number, and was killed
    if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, beside_.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return SystemError(target_, "write");
    has_name_ = true;
    return {};
  }

  /// False, and errno, where the system refuses. REQUIRES: finished.
  bool MoveTo(const fs::path& place) {
    if (::rename(beside_.c_str(), place.c_str()) != 0) return false;
    has_name_ = false;
    const Descriptor folder(::open(FolderOf(place).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.fd >= 0)
      (void)::fsync(folder.fd);  // the rename itself; not every file system can, and the data are safe already
    return true;
  }

 private:
  static int OpenNameless(const fs::path& folder) {
    if (::access("/proc/self/fd", X_OK) != 0) return -1;  // it could not get a name later
    return ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  }

  const fs::path target_, beside_;
  Descriptor file_;
  bool has_name_ = false;
};

Status CheckPlace(const Place& place, const fs::path& target) {
  if (place.fd()) {
    const int flags = ::fcntl(*place.fd(), F_GETFL);
    if (flags < 0) return SystemError(target, "write there");
    if ((flags & O_ACCMODE) == O_RDONLY) return IoError("{}: is open for reading only", target.string());
    return {};
  }
  if (place.old && S_ISDIR(place.old->st_mode)) return IsAFolder(target);
  if (place.old && S_ISSOCK(place.old->st_mode))
    return InvalidArgument("{}: is a socket, a file was expected", target.string());
  if (place.old && ::faccessat(AT_FDCWD, place.path.c_str(), W_OK, AT_EACCESS) != 0)
    return SystemError(target, "write");
  if (place.IsWrittenTo()) return {};
  if (place.old) {  // it is replaced, or written in its place: opening shows what permissions do not (chattr)
    const Descriptor there(::open(place.path.c_str(), O_WRONLY | O_CLOEXEC));
    return there.fd < 0 ? SystemError(target, "write") : Status();
  }
  std::error_code unknown;
  if (!fs::exists(FolderOf(place.path), unknown) && !unknown)
    return NotFound("{}: there is no folder {}; create it first", target.string(), FolderOf(place.path).string());
  if (const Unfinished trial(place.path, target); !trial.ok()) return SystemError(target, "write in its folder");
  return {};
}

/// Writes to what is there, as it stands.
Status WriteTo(const Place& place, int how, std::span<const std::string_view> parts, const fs::path& target) {
  const Descriptor there(::open(place.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | how));
  return there.fd < 0 ? SystemError(target, "open") : WriteAll(there.fd, parts, target);
}

/// Whether the system refuses to put another file in the place of one that may be written: what is mounted there, or
/// belongs to another one in a folder like /tmp, or lies in a folder that cannot be changed.
bool KeepsPlace(int error) { return error == EBUSY || error == EPERM || error == EACCES || error == EROFS; }

}  // namespace

Result<Descriptor> OpenToRead(const fs::path& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return SystemError(path, "open");
  RIFFLE_TRY(CheckKind(path, info));  // before it is opened, which may wait, or wind a tape
  Descriptor file(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
  if (file.fd < 0) return SystemError(path, "open");
  return file;
}

Result<std::vector<uint8_t>> ReadFile(const fs::path& path, uint64_t max_bytes) {
  return ReadInto<std::vector<uint8_t>>(path, max_bytes);
}

Result<AlignedArray<uint8_t>> ReadLargeFile(const fs::path& path) {
  return ReadInto<AlignedArray<uint8_t>>(path, kMaxReadBytes);
}

Result<std::string> ReadTextFile(const fs::path& path) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path));
  return std::string(bytes.begin(), bytes.end());
}

Status WriteFileAtomically(const fs::path& path, std::span<const std::string_view> parts) {
  RIFFLE_ASSIGN(const Place place, Follow(path));
  RIFFLE_TRY(CheckPlace(place, path));
  if (place.fd()) return WriteAll(*place.fd(), parts, path);
  if (place.IsWrittenTo()) return WriteTo(place, O_APPEND, parts, path);
  Unfinished file(place.path, path);
  if (!file.ok() && place.old && KeepsPlace(errno)) return WriteTo(place, O_TRUNC, parts, path);
  if (!file.ok()) return SystemError(path, "write in its folder");
  if (place.old) file.TakeOwnerAndMode(*place.old);
  RIFFLE_TRY(WriteAll(file.fd(), parts, path));
  RIFFLE_TRY(file.Finish());
  if (file.MoveTo(place.path)) return {};
  return place.old && KeepsPlace(errno) ? WriteTo(place, O_TRUNC, parts, path) : SystemError(path, "rename into place");
}

Status WriteFileAtomically(const fs::path& path, std::string_view content) {
  return WriteFileAtomically(path, std::span(&content, 1));
}

std::optional<fs::path> UnfinishedOf(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (!extension.starts_with(kPart) || !ParseNumber<int64_t>(extension.substr(kPart.size()))) return std::nullopt;
  return path.parent_path() / path.stem();
}

Status CheckWritable(const fs::path& path) {
  RIFFLE_ASSIGN(const Place place, Follow(path));
  return CheckPlace(place, path);
}

int DescriptorOf(const fs::path& path) {
  const Result<Place> place = Follow(path);
  return place.ok() ? place->fd().value_or(-1) : -1;
}

bool IsStream(const fs::path& path) {
  if (path == "-") return true;
  const Result<Place> place = Follow(path);
  return place.ok() && place->IsWrittenTo() && !(place->old && S_ISDIR(place->old->st_mode));
}

Result<std::string> ExpandHome(std::string_view path) {
  if (!path.starts_with('~')) return std::string(path);
  if (path.size() > 1 && path[1] != '/')
    return InvalidArgument("expected a path, found '{}': only ~/ stands for a home folder; write another one's in full",
                           path);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0')
    return InvalidArgument("expected a path, found '{}', and HOME, which ~ stands for, is not set", path);
  return home + std::string(path.substr(1));
}

}  // namespace riffle
