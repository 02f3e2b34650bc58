// As in decode_png.cc, libpng's error jump stays within a function that holds plain data only.
#include <png.h>

#include <cstring>

#include "picture/draw/draw.h"

namespace riffle {
namespace {

struct Output {
  std::string* bytes;
  char message[128];
};

void Fail(png_structp png, png_const_charp message) {
  Output* output = static_cast<Output*>(png_get_error_ptr(png));
  std::strncpy(output->message, message, sizeof output->message - 1);
  png_longjmp(png, 1);
}

void IgnoreWarning(png_structp, png_const_charp) {}

void Append(png_structp png, png_bytep bytes, size_t count) {
  static_cast<Output*>(png_get_io_ptr(png))->bytes->append(reinterpret_cast<const char*>(bytes), count);
}

bool Encode(const PictureView& picture, png_structp png, png_infop info, Output& output) {
  if (png == nullptr || info == nullptr) return false;
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_write_fn(png, &output, Append, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), 8,
               picture.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < picture.height; ++y) png_write_row(png, picture.Row(y));
  png_write_end(png, info);
  return true;
}

}  // namespace

Result<std::string> EncodePng(const PictureView& picture) {
  std::string bytes;
  Output output = {&bytes, {}};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, Fail, IgnoreWarning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  const bool done = Encode(picture, png, info, output);
  png_destroy_write_struct(&png, &info);
  if (!done)
    return Unavailable("a PNG of {} × {} pixels cannot be made: {}", picture.width, picture.height, output.message);
  return bytes;
}

}  // namespace riffle
