// The checksum by which a damaged safetensors file of ours is found out. Private to the reader and the writer.
#pragma once

#include <span>
#include <string>

#include "formats/safetensors.h"

namespace riffle {

/// Metadata keys of the files that Riffle writes: the version of this scheme, and the checksum.
inline constexpr const char* kFormatKey = "riffle.format";
inline constexpr const char* kChecksumKey = "riffle.crc32";
inline constexpr const char* kFormatVersion = "1";

inline constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the limit of the format's own reader

/// CRC-32 in eight hexadecimal digits of everything that the file means: metadata (without the checksum), names, types,
/// shapes and bytes, in the order of the names. It therefore outlives a program that rearranges the file, and sees one
/// flipped bit anywhere. REQUIRES: all text is UTF-8.
std::string ContentChecksum(std::span<const TensorView> tensors, const Metadata& metadata);

}  // namespace riffle
