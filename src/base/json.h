// Strict JSON: what hostile or damaged files may not do to us, in one place.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace riffle {

/// The value of a JSON text. InvalidArgument if it is not JSON, nests deeper than 64, or has an object with a key twice
/// (of which parsers disagree on the meaning).
Result<nlohmann::json> ParseJson(std::string_view text);

/// Whether a JSON text can hold `text`: writing one that is not UTF-8 throws.
bool IsUtf8(std::string_view text);

/// `text` with U+FFFD for what is not UTF-8: for records of names that a system has and JSON cannot hold.
std::string AsUtf8(std::string_view text);

/// `text` in double quotes for a message of one line: control characters escaped, shortened beyond 80 bytes. For names
/// that come from files.
std::string Quoted(std::string_view text);

}  // namespace riffle
