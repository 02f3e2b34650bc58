// Zip archives in memory (PKWARE's APPNOTE.TXT, version 6.3.10): what a directory of entries at the end of the file
// says; zip64; entries that are stored or deflated. Others, encrypted and split archives are refused.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/status.h"

namespace riffle {

struct ZipEntry {
  std::string name;
  uint64_t bytes = 0;               ///< unpacked
  std::span<const uint8_t> packed;  ///< as it lies in the archive
  bool deflated = false;            ///< else stored: `packed` is the content
  uint32_t crc = 0;                 ///< of the content
};

/// The files of an archive, in the order of its directory (folders are left out). Views on `archive`. DataLoss, if it
/// is truncated or damaged: offsets beyond the file, entries that overlap, or have one name; or uses what is not read.
Result<std::vector<ZipEntry>> ZipDirectory(std::span<const uint8_t> archive);

/// The content of one entry, checked against its checksum; 0 is none (PyTorch writes it if asked to). DataLoss if it is
/// damaged or larger than `most_bytes`, which is found out before memory is taken: what an entry unpacks to can be a
/// thousand times its size.
Result<AlignedArray<uint8_t>> Unzip(const ZipEntry& entry, uint64_t most_bytes);
/// The same of a stored entry, without a copy. REQUIRES: !entry.deflated
Result<std::span<const uint8_t>> StoredContent(const ZipEntry& entry);

/// What is written: stored, and without a date, so that the same input gives the same bytes.
struct ZipContent {
  std::string name;
  std::span<const uint8_t> bytes;
};

/// An archive in parts, to be written one after another (WriteFileAtomically).
class ZipParts {
 public:
  /// Contents begin at multiples of `alignment`: padding stands in an extra field of the kind "FB", as PyTorch writes
  /// it. The contents must outlive the parts. InvalidArgument if the archive would need zip64: 4 GiB, 65,535 entries.
  static Result<ZipParts> Make(std::span<const ZipContent> contents, uint64_t alignment);

  ZipParts(ZipParts&&) = default;
  ZipParts& operator=(ZipParts&&) = default;

  std::span<const std::string_view> parts() const { return parts_; }

 private:
  ZipParts() = default;
  std::deque<std::string> headers_;  // whose addresses stay
  std::vector<std::string_view> parts_;
};

}  // namespace riffle
