// What a file is that is no picture we read, told from its first bytes, for messages that say what to do.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace riffle {

/// "a GIF picture, which is not read: convert it to PNG or JPEG"; for bytes of no known kind how many there are and
/// what they start with.
std::string KindOf(std::span<const uint8_t> file);

}  // namespace riffle
