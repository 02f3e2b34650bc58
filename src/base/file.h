// Files: whole reads, and writes that either happen completely or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/status.h"

namespace riffle {

/// The whole file. Errors: NotFound (names the path), IoError, DataLoss if it shrinks meanwhile; a folder or a file
/// over `max_bytes` is InvalidArgument.
Result<std::vector<uint8_t>> ReadFile(const std::filesystem::path& path, uint64_t max_bytes = uint64_t{16} << 30);
/// The same into huge pages, for files of megabytes: they are there sooner.
Result<AlignedArray<uint8_t>> ReadLargeFile(const std::filesystem::path& path);
Result<std::string> ReadTextFile(const std::filesystem::path& path);

/// Writes beside `path`, flushes to the disk and renames: a crash or a full disk leaves the old file, never half a new
/// one. `parts` are written one after another.
Status WriteFileAtomically(const std::filesystem::path& path, std::span<const std::string_view> parts);
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content);

}  // namespace riffle
