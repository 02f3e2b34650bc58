// CRC-32 as zlib and zip have it, at the speed of memory: every picture of a pack is summed up when it is first read,
// and libdeflate does that several times as fast as zlib.
#pragma once

#include <libdeflate.h>

#include <cstdint>
#include <span>

namespace riffle {

inline uint32_t Crc32(std::span<const uint8_t> bytes) { return libdeflate_crc32(0, bytes.data(), bytes.size()); }

}  // namespace riffle
