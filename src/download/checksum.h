// Sums of files, what they are compared with, and the lists of them that md5sum writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/status.h"

namespace riffle {

enum class Digest { kMd5, kSha1, kSha256 };

/// "md5", "sha1", "sha256".
std::string_view NameOf(Digest digest);

/// 32, 40 or 64 lower-case hexadecimal digits. Errors: NotFound, IoError; Unavailable if OpenSSL lacks the algorithm.
Result<std::string> DigestOfFile(Digest digest, const std::filesystem::path& path);
Result<std::string> DigestOf(Digest digest, std::span<const uint8_t> bytes);

/// Whether a file is the right one: OK, or DataLoss, which says what was expected and found.
using FileCheck = std::function<Status(const std::filesystem::path&)>;

/// DataLoss unless `found` begins with `expected`: publishers often give the first digits alone.
Status CompareDigests(Digest digest, std::string_view expected, std::string_view found);

/// The check that a file's digest begins with `expected`.
FileCheck HasDigest(Digest digest, std::string expected);

/// Sums by file name, without its folder, from lines "SUM  NAME" or "SUM *NAME"; empty lines and those that begin with
/// # are left out. Errors: those of ReadTextFile; InvalidArgument names a line that reads otherwise, or a name that
/// stands there with two sums.
Result<std::map<std::string, std::string>> ReadChecksums(const std::filesystem::path& path);

}  // namespace riffle
