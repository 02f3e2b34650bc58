// A pack: pictures that were made ready for training once, as raw pixels or as picture files of their own, in one file
// that is mapped into memory. Numbers are little-endian:
//
// - "RIFFLEPK", version, CRC-32 of the head behind it, bytes of the file, encoding, pictures, bytes of text and of
// names
// - text: JSON with the names of the classes, and how the pack was made
// - table: 40 bytes for each picture (PackedPicture)
// - names of the pictures, one after another
// - the pictures, each at a multiple of 64 bytes
//
// The head is written last: a file that has one is whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "picture/picture.h"

namespace riffle {

enum class PackEncoding : uint32_t {
  kRaw = 0,    ///< pixels, row by row, the channels of a pixel side by side
  kFiles = 1,  ///< picture files: JPEG
};

/// A row of the table, as it lies in the file.
struct PackedPicture {
  uint64_t offset = 0;      ///< from the beginning of the file
  uint32_t bytes = 0;       ///< 0: the picture could not be read when it was packed
  uint32_t checksum = 0;    ///< CRC-32 of these bytes
  uint32_t height = 0;      ///< pixels
  uint32_t width = 0;       ///< pixels
  int32_t label = 0;        ///< of its class
  uint32_t name_end = 0;    ///< its name ends here, in the names, and begins where the one before ends
  uint8_t channels = 0;     ///< 1: grey, 3: RGB
  uint8_t incomplete = 0;   ///< this and the rest: marks of the file that it was made from (Picture)
  uint8_t bits = 8;         ///< 1, 2, 4, 8 or 16
  uint8_t orientation = 1;  ///< as EXIF has it, 1 to 8; the pixels lie as in the file
  uint16_t levels = 256;    ///< 1 to 256
  uint16_t unused = 0;

  bool readable() const { return bytes > 0; }
  /// Gives the marks to a picture that was read.
  void Mark(Picture& picture) const;
};

/// All but the pictures.
struct PackHead {
  uint32_t checksum = 0;  ///< of all the rest, and so of the pictures' checksums: another pack has another one
  PackEncoding encoding = PackEncoding::kRaw;
  std::vector<std::string> classes;
  std::string recipe;  ///< how it was made, in the words of who made it: two packs with one recipe are the same
  std::vector<PackedPicture> pictures;
  std::string names;

  std::string_view NameOf(size_t i) const {
    const uint32_t begin = i == 0 ? 0 : pictures[i - 1].name_end;
    return std::string_view(names).substr(begin, pictures[i].name_end - begin);
  }
};

/// Where a picture may begin.
inline constexpr uint64_t kPackAlignment = 64;
inline constexpr uint64_t AlignedInPack(uint64_t offset) {
  return (offset + kPackAlignment - 1) / kPackAlignment * kPackAlignment;
}

/// What stands at the beginning of a file of `file_bytes` with that head. Its size follows from the number of the
/// pictures, the text and the names. REQUIRES: UTF-8 in classes and recipe.
std::string PackHeadText(const PackHead& head, uint64_t file_bytes);

/// Reads the head of a whole file; the pictures are not looked at. DataLoss for a file that is no pack, of another
/// version, cut off or longer, with a wrong checksum, or whose numbers contradict one another.
Result<PackHead> ReadPackHead(std::span<const uint8_t> file);

/// Whether it begins as a pack does.
bool IsPack(std::span<const uint8_t> file);

}  // namespace riffle
