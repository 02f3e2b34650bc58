// CRC-32 as zlib and zip have it, at the speed of memory: every picture of a pack is summed up when it is first read.
#pragma once

#include <cstdint>
#include <span>

namespace riffle {

uint32_t Crc32(std::span<const uint8_t> bytes);

}  // namespace riffle
