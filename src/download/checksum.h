// md5 sums of files, and the lists of them that md5sum writes.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/status.h"

namespace riffle {

/// 32 lower-case hexadecimal digits. Errors: NotFound, IoError.
Result<std::string> Md5OfFile(const std::filesystem::path& path);

/// Sums by file name, without its folder, from lines "SUM  NAME" or "SUM *NAME"; empty lines and those that begin with
/// # are left out. Errors: those of ReadTextFile; InvalidArgument names a line that reads otherwise, or a name that
/// stands there with two sums.
Result<std::map<std::string, std::string>> ReadChecksums(const std::filesystem::path& path);

}  // namespace riffle
