// Formats: EXIF 2.32 (CIPA DC-008), whose block is a TIFF file; where it lies in JPEG (a segment APP1), PNG (a chunk
// eXIf) and WebP (a chunk EXIF).
#include "picture/exif.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace riffle {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const uint8_t>;

constexpr uint16_t kOrientationTag = 0x0112, kShort = 3, kLong = 4;
constexpr std::string_view kExifHeader = "Exif\0\0"sv;

bool StartsWith(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// An unsigned number of `count` bytes. REQUIRES: they lie within.
uint32_t Number(Bytes bytes, uint64_t at, int count, bool big_endian) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[at + (big_endian ? i : count - 1 - i)];
  return value;
}

/// What `bytes` holds from `at` on, at most `count`; nothing beyond its end.
Bytes Part(Bytes bytes, uint64_t at, uint64_t count) {
  if (at >= bytes.size()) return {};
  return bytes.subspan(at, std::min<uint64_t>(count, bytes.size() - at));
}

/// The tag in the first directory of a TIFF file.
int OrientationOfTiff(Bytes tiff) {
  if (StartsWith(tiff, kExifHeader)) tiff = tiff.subspan(kExifHeader.size());
  if (tiff.size() < 8) return 1;
  const bool big_endian = StartsWith(tiff, "MM");
  if (!big_endian && !StartsWith(tiff, "II")) return 1;
  const uint64_t directory = Number(tiff, 4, 4, big_endian);
  if (directory + 2 > tiff.size()) return 1;
  const uint32_t entries = Number(tiff, directory, 2, big_endian);
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * uint64_t{i};
    if (entry + 12 > tiff.size()) return 1;
    if (Number(tiff, entry, 2, big_endian) != kOrientationTag) continue;
    const uint32_t type = Number(tiff, entry + 2, 2, big_endian);
    const uint32_t value = Number(tiff, entry + 8, type == kLong ? 4 : 2, big_endian);
    const bool understood = (type == kShort || type == kLong) && value >= 1 && value <= 8;
    return understood ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// The block of a JPEG file: segments of a marker and a length follow one another up to the pixels.
Bytes ExifOfJpeg(Bytes file) {
  for (uint64_t at = 2; at + 4 <= file.size() && file[at] == 0xFF;) {
    const uint8_t marker = file[at + 1];
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    constexpr uint8_t kApp1 = 0xE1, kStartOfScan = 0xDA, kEnd = 0xD9;
    if (marker == kStartOfScan || marker == kEnd) break;
    const uint32_t length = Number(file, at + 2, 2, true);  // its own two bytes among them
    if (length < 2) break;
    const Bytes segment = Part(file, at + 4, length - 2);
    if (marker == kApp1 && StartsWith(segment, kExifHeader)) return segment;
    at += 2 + uint64_t{length};
  }
  return {};
}

Bytes ExifOfPng(Bytes file) {  // chunks of a length, a name, so many bytes and a check sum
  for (uint64_t at = 8; at + 8 <= file.size();) {
    const uint64_t length = Number(file, at, 4, true);
    if (StartsWith(file.subspan(at + 4), "eXIf")) return Part(file, at + 8, length);
    at += 12 + length;
  }
  return {};
}

Bytes ExifOfWebp(Bytes file) {  // chunks of a name, a length and so many bytes, made even
  for (uint64_t at = 12; at + 8 <= file.size();) {
    const uint64_t length = Number(file, at + 4, 4, false);
    if (StartsWith(file.subspan(at), "EXIF")) return Part(file, at + 8, length);
    at += 8 + length + length % 2;
  }
  return {};
}

}  // namespace

int ExifOrientation(Bytes file) {
  if (StartsWith(file, "\xFF\xD8\xFF")) return OrientationOfTiff(ExifOfJpeg(file));
  if (StartsWith(file, "\x89PNG")) return OrientationOfTiff(ExifOfPng(file));
  if (StartsWith(file, "RIFF")) return OrientationOfTiff(ExifOfWebp(file));
  return 1;
}

void TurnUpright(int orientation, Picture& picture) {
  if (orientation == 1) return;
  // Where the pixel (y, x) of the upright picture lies: rows and columns exchanged first, then mirrored.
  const bool transposed = orientation >= 5;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const int height = transposed ? picture.width : picture.height, width = transposed ? picture.height : picture.width;
  const int channels = picture.channels;
  std::vector<uint8_t> upright(picture.pixels.size());
  uint8_t* to = upright.data();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, to += channels) {
      const int across = from_right ? width - 1 - x : x, down = from_bottom ? height - 1 - y : y;
      std::copy_n(picture.Row(transposed ? across : down) + int64_t{channels} * (transposed ? down : across), channels,
                  to);
    }
  picture.height = height, picture.width = width;
  picture.pixels = std::move(upright);
}

}  // namespace riffle
