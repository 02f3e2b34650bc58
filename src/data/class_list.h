// Files that list the names of classes, as people and other programs write them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// The names of a text, one a line, in their order: without blanks around them, the carriage return of a line end and
/// the mark that some editors put before UTF-8. Empty lines are none.
std::vector<std::string> ClassesListed(std::string_view text);

/// Those of a file. Errors: as ReadTextFile's.
Result<std::vector<std::string>> ReadClassList(const std::filesystem::path& path);

}  // namespace riffle
