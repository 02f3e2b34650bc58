#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <sstream>
#include <utility>

namespace riffle {
namespace {

bool KnowsNoLocks(int error) { return error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS || error == ENOLCK; }

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// Whoever signed in last; a file that was read in between may be empty.
std::string HolderOf(int file) {
  std::array<char, 512> bytes{};
  const ssize_t size = pread(file, bytes.data(), bytes.size() - 1, 0);
  std::istringstream text(size > 0 ? bytes.data() : "");
  int64_t process = 0;
  std::string host;
  if (!(text >> process)) return "another process";
  text >> host;
  return fmt::format("process {}{}{}", process, host == HostName() ? "" : " on ", host == HostName() ? "" : host);
}

}  // namespace

Result<FileLock> FileLock::Open(const std::filesystem::path& file, bool* taken) {
  FileLock lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666), file);
  if (lock.file_ < 0) return IoError("{}: cannot be written: {}", file.string(), std::strerror(errno));
  *taken = false;
  if (flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
    *taken = errno == EWOULDBLOCK;
    lock.locks_ = !KnowsNoLocks(errno);
    if (!*taken && lock.locks_) return IoError("{}: cannot be locked: {}", file.string(), std::strerror(errno));
  }
  if (!*taken) lock.SignIn();
  return lock;
}

Result<FileLock> FileLock::Wait(const std::filesystem::path& file, const std::function<void()>& on_wait) {
  bool taken = false;
  RIFFLE_ASSIGN(FileLock lock, Open(file, &taken));
  if (!taken) return lock;
  on_wait();
  int result = 0;
  do {
    result = flock(lock.file_, LOCK_EX);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return IoError("{}: cannot be locked: {}", file.string(), std::strerror(errno));
  lock.SignIn();
  return lock;
}

Result<FileLock> FileLock::TakeAtOnce(const std::filesystem::path& file,
                                      const std::function<Status(const std::string& holder)>& in_use) {
  bool taken = false;
  RIFFLE_ASSIGN(FileLock lock, Open(file, &taken));
  if (taken) return in_use(HolderOf(lock.file_));
  return lock;
}

void FileLock::SignIn() const {
  const std::string text = fmt::format("{} {}\n", getpid(), HostName());
  // The name serves a message only: a full disk is no reason not to go on.
  if (ftruncate(file_, 0) == 0 && pwrite(file_, text.data(), text.size(), 0) < 0) return;
}

Status FileLock::CheckHeld() const {
  struct stat held = {}, found = {};
  if (fstat(file_, &held) == 0 && stat(path_.c_str(), &found) == 0 && held.st_dev == found.st_dev &&
      held.st_ino == found.st_ino)
    return {};
  return IoError("{}: was removed or replaced", path_.string());
}

FileLock::FileLock(FileLock&& other) noexcept
    : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)), locks_(other.locks_) {}

FileLock::~FileLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace riffle
