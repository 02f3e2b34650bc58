// A folder for files that nobody needs afterwards.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace riffle {

/// A new, empty folder among the system's temporary ones ($TMPDIR), readable by its owner alone; it goes away with
/// this. Moves, but does not copy.
class ScratchFolder {
 public:
  /// IoError where none can be made.
  static Result<ScratchFolder> Create();

  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // empty: moved from
};

}  // namespace riffle
