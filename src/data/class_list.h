// Files that list the names of classes, as people and other programs write them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// A name a line, in the order of the classes, without the blanks around it; line ends of any system, a byte order mark
/// and empty lines at the end are passed over. `source` stands in messages. InvalidArgument, with the number of the
/// line, for an empty one, a name twice, and what is no text (bytes that are not UTF-8, control characters).
Result<std::vector<std::string>> ClassesListed(std::string_view text, std::string_view source);

/// Those of a file. Errors: those of ReadTextFile, too.
Result<std::vector<std::string>> ReadClassList(const std::filesystem::path& path);

}  // namespace riffle
