// A file as memory: a page is read from the disk when somebody looks at it, and all processes share what was read.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/status.h"

namespace riffle {

/// Tells a file from another one that took its place, or from what becomes of it.
struct FileVersion {
  int64_t bytes = 0, seconds = 0, nanoseconds = 0;  ///< its size, its last change
  bool operator==(const FileVersion&) const = default;

  explicit FileVersion(const struct stat& file)
      : bytes(file.st_size), seconds(file.st_mtim.tv_sec), nanoseconds(file.st_mtim.tv_nsec) {}
};

/// Errors: IoError.
Result<FileVersion> VersionOf(const std::filesystem::path& file);

/// Who looks at a page that the file has no more, because it was cut off, or that the disk does not give, gets SIGBUS:
/// Fetch tells beforehand; what happens afterwards a program tells with TellLostPages (cli/lost_pages.h). Thread-safe.
class MappedFile {
 public:
  /// Errors: those of OpenToRead (base/file.h), DataLoss for an empty file, IoError where no memory is left to map it.
  static Result<MappedFile> Open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }
  /// All of it, in pages.
  std::span<const uint8_t> bytes() const { return bytes_; }
  /// A part, read from the disk if it is not in memory. DataLoss if the file is not the one that was opened, or has
  /// changed since then; IoError if the disk does not give it. REQUIRES: it lies within bytes().
  Result<std::span<const uint8_t>> Fetch(uint64_t offset, uint64_t bytes) const;

 private:
  MappedFile(std::filesystem::path path, std::span<const uint8_t> bytes, FileVersion version)
      : path_(std::move(path)), bytes_(bytes), version_(version) {}

  std::filesystem::path path_;
  std::span<const uint8_t> bytes_;
  FileVersion version_;
};

}  // namespace riffle
