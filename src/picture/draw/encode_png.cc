// PNG files by the simplified interface of libpng: 8 bits, grey or RGB.
#include <png.h>

#include <cstring>

#include "picture/draw/draw.h"

namespace riffle {

Result<std::string> EncodePng(const PictureView& picture) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = static_cast<png_uint_32>(picture.width),
                     .height = static_cast<png_uint_32>(picture.height),
                     .format = picture.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  const auto row_bytes = static_cast<png_int_32>(picture.row_bytes);
  if (!png_image_write_to_memory(&image, bytes.data(), &size, /*convert_to_8_bit=*/0, picture.pixels, row_bytes,
                                 nullptr))
    return Unavailable("a PNG of {} × {} pixels cannot be made: {}", picture.width, picture.height, image.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace riffle
