// In the place of the decoders where the library is built without them (RIFFLE_PICTURE_FILES=OFF).
#include "picture/decode_formats.h"

namespace riffle {
namespace {

Status Absent(const char* format) {
  return Unavailable("a {} picture, but this library was built without decoders: hand over its pixels, or a BMP file",
                     format);
}

}  // namespace

Result<Region> DecodeJpeg(std::span<const uint8_t>, int, const ChooseNeed&, Picture&) { return Absent("JPEG"); }
Status DecodePng(std::span<const uint8_t>, Picture&) { return Absent("PNG"); }
Status DecodeWebp(std::span<const uint8_t>, Picture&) { return Absent("WebP"); }

}  // namespace riffle
