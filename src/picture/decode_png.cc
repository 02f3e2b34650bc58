// PNG by libpng: every colour type and depth, interlaced or not. As in decode_jpeg.cc, libpng's error jump stays within
// functions that hold plain data only.
#include <png.h>

#include <algorithm>
#include <cstring>

#include "picture/decode_formats.h"

namespace riffle {
namespace {

// libpng reads so much at a time, and loses as much of a file that is cut off.
constexpr size_t kReadBytes = 512;

struct PngFile {
  png_structp png;
  png_infop info;
  const uint8_t* data;
  size_t size;
  size_t position;
  char message[128];
  int bits;  // of a value
  int passes;
  int64_t rows_read;  // over all passes of an interlaced file
};

void Fail(png_structp png, png_const_charp message) {
  PngFile* file = static_cast<PngFile*>(png_get_error_ptr(png));
  std::strncpy(file->message, message, sizeof file->message - 1);
  png_longjmp(png, 1);
}

void IgnoreWarning(png_structp, png_const_charp) {}

void ReadBytes(png_structp png, png_bytep to, size_t count) {
  PngFile* file = static_cast<PngFile*>(png_get_io_ptr(png));
  if (count > file->size - file->position) png_error(png, "the file is cut off");
  std::memcpy(to, file->data + file->position, count);
  file->position += count;
}

// Reads up to the first row and asks for 8 bits, grey or RGB, without alpha.
bool ReadHeader(PngFile& file) {
  file.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &file, Fail, IgnoreWarning);
  if (file.png == nullptr || (file.info = png_create_info_struct(file.png)) == nullptr) return false;
  if (setjmp(png_jmpbuf(file.png))) return false;
  png_set_read_fn(file.png, &file, ReadBytes);
  png_set_compression_buffer_size(file.png, kReadBytes);
  // Pixels alone are asked for: profiles, texts, transparency and the like are passed over, whatever their length
  // claims.
  png_set_keep_unknown_chunks(file.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(file.png, file.info);
  file.bits = png_get_bit_depth(file.png, file.info);
  const int color = png_get_color_type(file.png, file.info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(file.png);
  if (color == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(file.png);
  png_set_strip_16(file.png);
  png_set_strip_alpha(file.png);
  file.passes = png_set_interlace_handling(file.png);
  png_read_update_info(file.png, file.info);
  return true;
}

// Reads all rows. An interlaced file shows its whole picture from the first pass on, in ever smaller blocks.
bool ReadRows(PngFile& file, uint8_t* pixels, int height, size_t row_bytes) {
  if (setjmp(png_jmpbuf(file.png))) return false;
  for (int pass = 0; pass < file.passes; ++pass)
    for (int y = 0; y < height; ++y, ++file.rows_read) png_read_row(file.png, nullptr, pixels + y * row_bytes);
  return true;
}

Status DecodeOpened(PngFile& file, Picture& out) {
  if (!ReadHeader(file)) return DataLoss("broken PNG: {}", file.message);
  const int64_t height = png_get_image_height(file.png, file.info), width = png_get_image_width(file.png, file.info);
  const int channels = png_get_channels(file.png, file.info);
  RIFFLE_TRY(CheckPictureSize("PNG", height, width));
  if (channels != 1 && channels != 3) return DataLoss("broken PNG: {} channels", channels);
  out.Reshape(static_cast<int>(height), static_cast<int>(width), channels);
  std::fill(out.pixels.begin(), out.pixels.end(), kMissingPixel);
  out.incomplete = !ReadRows(file, out.pixels.data(), out.height, static_cast<size_t>(out.RowBytes()));
  if (file.rows_read == 0) return DataLoss("broken PNG: {}", file.message);
  out.bits = file.bits;
  if (file.bits == 16) out.levels = 1 + *std::ranges::max_element(out.pixels);
  return {};
}

}  // namespace

Status DecodePng(std::span<const uint8_t> file, Picture& out) {
  PngFile png{};
  png.data = file.data();
  png.size = file.size();
  Status status = DecodeOpened(png, out);
  png_destroy_read_struct(&png.png, &png.info, nullptr);
  return status;
}

}  // namespace riffle
