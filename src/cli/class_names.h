// Names of classes that a person has written down.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"

namespace riffle {

/// A name a line, in the order of the classes, without the blanks around it; line ends of any system, a byte order mark
/// and empty lines at the end are passed over. Errors: those of ReadTextFile; InvalidArgument, with the number of the
/// line, for an empty one, a name twice, and what is no text (bytes that are not UTF-8, control characters).
Result<std::vector<std::string>> ReadClassNames(const std::filesystem::path& path);

}  // namespace riffle
