// One process at a time: whoever downloads into a folder holds its lock, the others wait.
#pragma once

#include <filesystem>
#include <functional>

#include "base/status.h"

namespace riffle {

/// Holds the lock of a folder while it lives: flock on a file ".lock" there. A process that dies lets go of it.
class FolderLock {
 public:
  /// Waits for the lock; `on_wait` is called once if another holds it. REQUIRES: the folder exists. Errors: IoError.
  static Result<FolderLock> Take(const std::filesystem::path& folder, const std::function<void()>& on_wait);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

}  // namespace riffle
