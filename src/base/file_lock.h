// One process at a time: who downloads into a folder, or trains there, holds its lock; others wait, or are told who it
// is.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "base/descriptor.h"
#include "base/status.h"

namespace riffle {

/// Holds a lock while it lives: flock on a file, which names the process that had it last and stays there, unless its
/// holder removes it. A process that dies lets go of it, however it dies. A file of that name with something else in it
/// is locked and left as it is.
class FileLock {
 public:
  /// Waits for the lock; `on_wait` is called once if another holds it. REQUIRES: the file's folder exists.
  /// Errors: IoError; InvalidArgument for a link or what is no file.
  static Result<FileLock> Wait(const std::filesystem::path& file, const std::function<void()>& on_wait);

  /// The same, but if another holds it the error is what `in_use` makes of its name: "process 4711", "process 4711 on
  /// HOST".
  static Result<FileLock> TakeAtOnce(const std::filesystem::path& file,
                                     const std::function<Status(const std::string& holder)>& in_use);

  /// IoError if the file was removed or replaced meanwhile: others may hold another lock by its name.
  Status CheckHeld() const;

  /// Removes the file, but for one with something else in it. Others, who wait for it or come later, make a new one:
  /// the last thing to do with a lock, when the work is done.
  void RemoveFile() const;

  /// False on a file system that knows no locks: nothing keeps others out.
  bool locks() const { return locks_; }

 private:
  FileLock(Descriptor file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {}

  /// Opens the file and tries once; whether another process has the lock.
  static Result<FileLock> Open(const std::filesystem::path& file, bool* taken);
  /// After a try that found it free, or a wait: writes who holds it.
  void SignIn() const;

  Descriptor file_;
  std::filesystem::path path_;
  bool locks_ = true;
};

}  // namespace riffle
