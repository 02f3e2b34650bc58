#include "picture/decode.h"

#include <cstring>
#include <new>
#include <stdexcept>

#include "picture/decode_formats.h"
#include "picture/exif.h"
#include "picture/file_kind.h"

namespace riffle {
namespace {

bool StartsWith(std::span<const uint8_t> file, size_t offset, const char* magic, size_t length) {
  return file.size() >= offset + length && std::memcmp(file.data() + offset, magic, length) == 0;
}

bool IsJpeg(std::span<const uint8_t> file) { return StartsWith(file, 0, "\xFF\xD8\xFF", 3); }

Status DecodeOther(std::span<const uint8_t> file, Picture& out) {
  if (StartsWith(file, 0, "\x89PNG\r\n\x1A\n", 8)) return DecodePng(file, out);
  if (StartsWith(file, 0, "RIFF", 4) && StartsWith(file, 8, "WEBP", 4)) return DecodeWebp(file, out);
  if (StartsWith(file, 0, "BM", 2)) return DecodeBmp(file, out);
  return DataLoss("not a JPEG, PNG, WebP or BMP picture but {}", KindOf(file));
}

/// REQUIRES: `picture` is the one that memory was wanted for.
Status NoMemory(const Picture& picture) {
  return Unavailable("{} × {} pixels: no memory to decode it", picture.width, picture.height);
}

Result<Region> DecodeKnownFormat(std::span<const uint8_t> file, int channels, const ChooseNeed& choose,
                                 Picture& scratch, Exif exif) {
  const int orientation = ExifOrientation(file);
  const bool turned = exif == Exif::kFollowed && orientation != 1;
  if (IsJpeg(file) && !turned) {
    Result<Region> region = DecodeJpeg(file, channels, choose, scratch);
    scratch.exif_orientation = orientation;
    return region;
  }
  RIFFLE_TRY(IsJpeg(file) ? DecodeJpeg(file, channels, Need::Whole, scratch).status() : DecodeOther(file, scratch));
  ConvertChannels(scratch, channels);
  scratch.exif_orientation = orientation;
  if (turned) TurnUpright(orientation, scratch);
  const CropBox box = choose(scratch.height, scratch.width).box;
  return Region::Whole(scratch.View().Crop(box.top, box.left, box.height, box.width));
}

}  // namespace

Status CheckPictureSize(const char* format, int64_t height, int64_t width) {
  if (height <= 0 || width <= 0) return DataLoss("{} of {} × {} pixels: empty", format, width, height);
  if (height > kMaxPicturePixels / width)
    return DataLoss("{} of {} × {} pixels: more than the {} that are allowed", format, width, height,
                    kMaxPicturePixels);
  return {};
}

Result<Region> DecodeRegion(std::span<const uint8_t> file, int channels, const ChooseNeed& choose, Picture& scratch,
                            Exif exif) try {
  return DecodeKnownFormat(file, channels, choose, scratch, exif);
} catch (const std::bad_alloc&) {
  return NoMemory(scratch);
} catch (const std::length_error&) {  // of a vector that no memory could hold
  return NoMemory(scratch);
}

Status Decode(std::span<const uint8_t> file, int channels, Picture& out, Exif exif) {
  return DecodeRegion(file, channels, Need::Whole, out, exif).status();
}

}  // namespace riffle
