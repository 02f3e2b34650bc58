// JPEG by libjpeg-turbo: grey, YCbCr, RGB, CMYK and YCCK; baseline and progressive; cut-off files.
//
// libjpeg reports errors by a jump. The jump never crosses a C++ destructor: the functions that set its target hold
// plain data only, and the picture's memory belongs to their caller.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// clang-format off: jpeglib.h needs <cstdio> before it, jerror.h needs jpeglib.h
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "data/decode_formats.h"

namespace riffle {
namespace {

// A progressive file may repeat its picture in any number of scans; honest ones have about ten.
constexpr int kMaxScans = 500;

struct JpegFile {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX];
  bool damaged;
  bool no_pixels;  // the data ended within the first row of blocks
};

JpegFile* FileOf(j_common_ptr info) { return static_cast<JpegFile*>(info->client_data); }

[[noreturn]] void Fail(j_common_ptr info) {
  JpegFile* file = FileOf(info);
  info->err->format_message(info, file->message);
  std::longjmp(file->failed, 1);
}

void NoteWarning(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace message, no warning
  JpegFile* file = FileOf(info);
  const int code = info->err->msg_code;
  file->damaged |= code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE;
  if (code == JWRN_HIT_MARKER && file->info.input_scan_number <= 1 && file->info.input_iMCU_row == 0)
    file->no_pixels = true;
}

void LimitScans(j_common_ptr info) {
  JpegFile* file = FileOf(info);
  if (file->info.input_scan_number <= kMaxScans) return;
  std::snprintf(file->message, sizeof file->message, "more than %d scans", kMaxScans);
  std::longjmp(file->failed, 1);
}

// Reads up to the picture's size. False: `file.message` tells why.
bool ReadHeader(JpegFile& file, const uint8_t* data, size_t size) {
  file.info.err = jpeg_std_error(&file.errors);
  file.errors.error_exit = Fail;
  file.errors.emit_message = NoteWarning;
  file.info.client_data = &file;
  if (setjmp(file.failed)) return false;
  jpeg_create_decompress(&file.info);
  file.progress.progress_monitor = LimitScans;
  file.info.progress = &file.progress;
  jpeg_mem_src(&file.info, data, size);
  jpeg_read_header(&file.info, TRUE);
  if (file.info.num_components == 4)
    file.info.out_color_space = JCS_CMYK;
  else if (file.info.num_components == 1)
    file.info.out_color_space = JCS_GRAYSCALE;
  else
    file.info.out_color_space = JCS_RGB;
  return true;
}

// Decodes all rows to `pixels`, rows of `row_bytes`.
bool ReadRows(JpegFile& file, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(file.failed)) return false;
  jpeg_start_decompress(&file.info);
  while (file.info.output_scanline < file.info.output_height) {
    JSAMPROW row = pixels + file.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&file.info, &row, 1);
  }
  return true;
}

// Adobe writes CMYK inverted: 255 is no ink. What each ink leaves of white, times what black leaves, with Pillow's
// rounding of the product.
void CmykToRgb(const uint8_t* cmyk, int64_t count, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i) {
    const int light = cmyk[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[4 * i + c]) * light + 128;
      rgb[3 * i + c] = static_cast<uint8_t>(light - ((product + (product >> 8)) >> 8));
    }
  }
}

Status DecodeOpened(JpegFile& file, std::span<const uint8_t> data, Picture& out) {
  if (!ReadHeader(file, data.data(), data.size())) return DataLoss("broken JPEG: {}", file.message);
  const int height = static_cast<int>(file.info.image_height), width = static_cast<int>(file.info.image_width);
  const int components = file.info.num_components;
  RIFFLE_TRY(CheckPictureSize("JPEG", height, width));
  if (file.info.data_precision != 8)
    return Unavailable("JPEG with {} bits a value; 8 are supported: convert the file", file.info.data_precision);
  std::vector<uint8_t> cmyk;
  out.Reshape(height, width, components == 1 ? 1 : 3);
  if (components == 4) cmyk.resize(static_cast<size_t>(height) * width * 4);
  uint8_t* pixels = components == 4 ? cmyk.data() : out.pixels.data();
  const size_t row_bytes = static_cast<size_t>(width) * (components == 4 ? 4 : out.channels);
  if (!ReadRows(file, pixels, row_bytes)) return DataLoss("broken JPEG: {}", file.message);
  if (file.no_pixels) return DataLoss("JPEG that ends before its first pixels ({} bytes)", data.size());
  if (components == 4) CmykToRgb(cmyk.data(), static_cast<int64_t>(height) * width, out.pixels.data());
  out.incomplete = file.damaged;
  return {};
}

}  // namespace

Status DecodeJpeg(std::span<const uint8_t> file, Picture& out) {
  JpegFile jpeg{};
  Status status = DecodeOpened(jpeg, file, out);
  jpeg_destroy_decompress(&jpeg.info);
  return status;
}

}  // namespace riffle
