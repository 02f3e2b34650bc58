// The checksums by which a damaged safetensors file of ours is found out: one of each tensor, and one of all that the
// file means. Private to the reader and the writer.
#pragma once

#include <span>
#include <string>

#include "formats/safetensors.h"

namespace riffle {

/// Metadata keys of the files that Riffle writes: the version of this scheme, and the checksum of the contents. That of
/// tensor NAME is "riffle.crc32.NAME"; older files have none.
inline constexpr const char* kFormatKey = "riffle.format";
inline constexpr const char* kChecksumKey = "riffle.crc32";
inline constexpr const char* kFormatVersion = "1";

inline constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the limit of the format's own reader

std::string TensorChecksumKey(std::string_view name);
/// Whether the writer makes the entry of this key, and the reader takes it away.
bool IsWritersKey(std::string_view key);

/// CRC-32 of a tensor's bytes.
uint32_t TensorChecksum(const TensorView& tensor);
/// As it stands in the metadata: eight hexadecimal digits.
std::string ChecksumText(uint32_t checksum);

/// A tensor and its checksum: the bytes are read once, however many checksums they go into.
struct SummedTensor {
  const TensorView* tensor;
  uint32_t checksum;
};
std::vector<SummedTensor> Summed(std::span<const TensorView> tensors);

/// The text of the CRC-32 of everything that the file means: metadata (without this checksum), names, types, shapes and
/// bytes, in the order of the names. It therefore outlives a program that rearranges the file, and sees one flipped bit
/// anywhere. REQUIRES: all text is UTF-8.
std::string ContentChecksum(std::vector<SummedTensor> tensors, const Metadata& metadata);

}  // namespace riffle
