#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace riffle {
namespace {

// Closes a descriptor when the function that opened it returns early.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Status SystemError(const std::filesystem::path& path, const char* doing) {
  const int error = errno;
  if (error == ENOENT) return NotFound("{}: no such file or folder", path.string());
  return IoError("{}: cannot {}: {}", path.string(), doing, std::strerror(error));
}

Status WriteAll(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path, "write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

template <class Bytes>
Result<Bytes> ReadInto(const std::filesystem::path& path, uint64_t max_bytes) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return SystemError(path, "open");
  struct stat info;
  if (::fstat(file.fd, &info) != 0) return SystemError(path, "stat");
  if (S_ISDIR(info.st_mode)) return InvalidArgument("{}: is a folder, a file was expected", path.string());
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > max_bytes)
    return InvalidArgument("{}: {} bytes, at most {} were expected", path.string(), size, max_bytes);
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

}  // namespace

Result<std::vector<uint8_t>> ReadFile(const std::filesystem::path& path, uint64_t max_bytes) {
  return ReadInto<std::vector<uint8_t>>(path, max_bytes);
}

Result<AlignedArray<uint8_t>> ReadLargeFile(const std::filesystem::path& path) {
  return ReadInto<AlignedArray<uint8_t>>(path, UINT64_MAX);
}

Result<std::string> ReadTextFile(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path));
  return std::string(bytes.begin(), bytes.end());
}

Status WriteFileAtomically(const std::filesystem::path& path, std::span<const std::string_view> parts) {
  std::filesystem::path beside = path;
  beside += ".part" + std::to_string(::getpid());
  const auto give_up = [&](Status status) {
    ::unlink(beside.c_str());
    return status;
  };
  {
    Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) return SystemError(beside, "create");
    for (std::string_view part : parts)
      if (Status status = WriteAll(file.fd, part, path); !status.ok()) return give_up(std::move(status));
    if (::fsync(file.fd) != 0) return give_up(SystemError(path, "flush"));
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return give_up(SystemError(path, "rename into place"));
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd >= 0)
    (void)::fsync(directory.fd);  // the rename itself; not every file system can, and the data are safe already
  return {};
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content) {
  return WriteFileAtomically(path, std::span(&content, 1));
}

}  // namespace riffle
