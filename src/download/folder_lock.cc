#include "download/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace riffle {

Result<FolderLock> FolderLock::Take(const std::filesystem::path& folder, const std::function<void()>& on_wait) {
  const std::filesystem::path path = folder / ".lock";
  FolderLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (lock.file_ < 0) return IoError("{}: cannot be written: {}", path.string(), std::strerror(errno));
  int result = flock(lock.file_, LOCK_EX | LOCK_NB);
  if (result != 0 && errno == EWOULDBLOCK) {
    on_wait();
    do {
      result = flock(lock.file_, LOCK_EX);
    } while (result != 0 && errno == EINTR);
  }
  if (result != 0) return IoError("{}: cannot be locked: {}", path.string(), std::strerror(errno));
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock::~FolderLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace riffle
