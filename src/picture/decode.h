// Picture files to pixels: JPEG, PNG, WebP and BMP, told apart by their first bytes, never by their names.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "picture/picture.h"
#include "picture/region.h"

namespace riffle {

/// More bytes than this are no picture file.
inline constexpr uint64_t kMaxPictureFileBytes = uint64_t{1} << 30;

/// More pixels than this are taken for an attack: 3/4 GiB as RGB. (Pillow refuses at 1.3 times as many.)
inline constexpr int64_t kMaxPicturePixels = int64_t{1} << 28;

/// Whether the picture is turned as its EXIF orientation says (exif.h), or left as its pixels lie in the file, as
/// Pillow's open() leaves it.
enum class Exif { kIgnored, kFollowed };

/// Decodes a whole file into `out`, whose memory is used again. The pixels are those that Pillow's
/// open(file).convert("RGB"), or "L", gives: alpha is dropped, 16 bits keep their high byte, CMYK follows Adobe's
/// inverted convention. A file that is cut off after some pixels decodes, with `out.incomplete` set; the other marks of
/// `out` are set, too. REQUIRES: `channels` is 1 or 3. Thread-safe.
/// Errors: DataLoss for anything that is no picture (says what it is instead), is broken before its first pixels, or is
/// hostile; Unavailable for pictures that are whole but of a kind not supported (animations, 12-bit JPEG, RLE bitmaps).
Status Decode(std::span<const uint8_t> file, int channels, Picture& out, Exif exif = Exif::kIgnored);

/// Decodes what is needed of a file, into `scratch`. In full, its pixels are those that Decode gives. JPEG leaves out
/// the rest, the other formats and pictures that are turned decode all of it. Errors: as Decode's.
Result<Region> DecodeRegion(std::span<const uint8_t> file, int channels, const ChooseNeed& choose, Picture& scratch,
                            Exif exif = Exif::kIgnored);

}  // namespace riffle
