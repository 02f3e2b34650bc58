#include "base/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

Status CannotBeRead(const fs::path& path, int error) {
  return IoError("{}: cannot be read: {}", path.string(), std::strerror(error));
}

}  // namespace

Result<FileVersion> VersionOf(const fs::path& file) {
  struct stat found;
  if (stat(file.c_str(), &found) != 0) return CannotBeRead(file, errno);
  return FileVersion(found);
}

Result<MappedFile> MappedFile::Open(const fs::path& path) {
  RIFFLE_ASSIGN(const Descriptor file, OpenToRead(path));
  struct stat found;
  if (fstat(file.fd, &found) != 0) return CannotBeRead(path, errno);
  if (found.st_size == 0) return DataLoss("{}: the file is empty", path.string());
  const auto size = static_cast<size_t>(found.st_size);
  void* const start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (start == MAP_FAILED) return IoError("{}: cannot be mapped into memory: {}", path.string(), std::strerror(errno));
  return MappedFile(path, {static_cast<const uint8_t*>(start), size}, FileVersion(found));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})), version_(other.version_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  std::swap(version_, other.version_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

Result<std::span<const uint8_t>> MappedFile::Fetch(uint64_t offset, uint64_t bytes) const {
  RIFFLE_ASSIGN(const FileVersion now, VersionOf(path_));
  if (now != version_) return DataLoss("{}: it has changed since it was opened", path_.string());
  // One call for all its pages, with an error instead of a signal. Systems before Linux 5.14 do not know it: there each
  // page comes when it is looked at.
  const uint64_t page = 4096, first = offset / page * page;
  if (bytes > 0 &&
      madvise(const_cast<uint8_t*>(bytes_.data()) + first, offset + bytes - first, MADV_POPULATE_READ) != 0 &&
      errno != EINVAL)
    return errno == EFAULT
               ? IoError("{}: the disk does not give bytes {} to {}", path_.string(), offset, offset + bytes)
               : CannotBeRead(path_, errno);
  return bytes_.subspan(offset, bytes);
}

}  // namespace riffle
