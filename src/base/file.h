// Files: whole reads, writes that either happen completely or not at all, and paths as people write them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/descriptor.h"
#include "base/status.h"

namespace riffle {

inline constexpr uint64_t kMaxReadBytes = uint64_t{4} << 30;

/// Opens a file to read. What would let its reader wait for somebody or never end is InvalidArgument: a FIFO by its
/// name, a device. What this process was given is read whatever it is (/dev/stdin, the shell's <(...)), but for devices
/// that are no terminals; so is /dev/null. Errors: NotFound (names the path), IoError; a folder is InvalidArgument.
Result<Descriptor> OpenToRead(const std::filesystem::path& path);

/// The whole file; a pipe or a file of /proc, whose size nobody knows, is read to its end, but for at most
/// kMaxStreamBytes. Errors: those of OpenToRead, DataLoss if it shrinks meanwhile; more than `max_bytes` is
/// InvalidArgument.
Result<std::vector<uint8_t>> ReadFile(const std::filesystem::path& path, uint64_t max_bytes = kMaxReadBytes);
inline constexpr uint64_t kMaxStreamBytes = uint64_t{1} << 30;
/// The same into huge pages, for files of megabytes: they are there sooner. At most kMaxReadBytes.
Result<AlignedArray<uint8_t>> ReadLargeFile(const std::filesystem::path& path);
Result<std::string> ReadTextFile(const std::filesystem::path& path);

/// Writes beside `path`, flushes to the disk and renames: a crash or a full disk leaves the old file, never half a new
/// one, and nothing beside it, but for a file that UnfinishedOf knows where a process is killed in a bad moment.
/// `parts` are written one after another. An old file's permissions and owner are kept. A link stays, and what it leads
/// to is replaced. What is there and no file (a FIFO, a device) is written to, and so is the end of what a process has
/// open, such as /dev/stdout or /proc/PID/fd/N. A file that may be written but not replaced (one that is mounted, or of
/// another owner in /tmp) is written in its place, and then half a new one is possible.
Status WriteFileAtomically(const std::filesystem::path& path, std::span<const std::string_view> parts);
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content);

/// The name of the file that a process was writing with WriteFileAtomically as it was killed, and left a part of, "x"
/// of "x.part123"; none for any other name.
std::optional<std::filesystem::path> UnfinishedOf(const std::filesystem::path& path);

/// Whether WriteFileAtomically can write there, as far as that shows before there is something to write. NotFound for
/// a folder that is missing, InvalidArgument for one in the file's place, IoError for what the system refuses.
Status CheckWritable(const std::filesystem::path& path);

/// Where `path` leads if it, or a link that it is, names one of this process's open descriptors: 1 for /dev/stdout,
/// N for /dev/fd/N; -1 if it does not.
int DescriptorOf(const std::filesystem::path& path);

/// Whether `path` is no name for a file or folder but a stream: "-", a FIFO, a device, what a process has open.
bool IsStream(const std::filesystem::path& path);

/// "~" and "~/..." with the home folder ($HOME) in its place, as a shell does it at the beginning of a word; other text
/// as it is. InvalidArgument for "~name", which is another one's home, and where HOME is not set.
Result<std::string> ExpandHome(std::string_view path);

}  // namespace riffle
