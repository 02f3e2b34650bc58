// JPEG by libjpeg-turbo: grey, YCbCr, RGB, CMYK and YCCK; baseline and progressive; cut-off files.
//
// Of a part of a picture only the blocks that hold it are transformed; the entropy code before it has to be read, what
// comes after it is not. A part that is needed at half its size or less is transformed to that size (DCT scaling).
//
// libjpeg reports errors by a jump. The jump never crosses a C++ destructor: the functions that set its target hold
// plain data only, and the picture's memory belongs to their caller.
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// clang-format off: jpeglib.h needs <cstdio> before it, jerror.h needs jpeglib.h
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "picture/decode_formats.h"

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

// Which pixels of the file, scaled by 1/denominator, are decoded. libjpeg begins at a whole block and says where.
struct Part {
  JDIMENSION denominator, top, height, left, width;
};

// After this `part.left` and `part.width` are what rows will hold.
bool Start(JpegFile& file, Part& part) {
  if (setjmp(file.failed)) return false;
  file.info.scale_num = 1;
  file.info.scale_denom = part.denominator;
  jpeg_start_decompress(&file.info);
  if (part.width < file.info.output_width) jpeg_crop_scanline(&file.info, &part.left, &part.width);
  return true;
}

// Decodes the rows of the part to `pixels`, rows of `row_bytes`.
bool ReadRows(JpegFile& file, const Part& part, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(file.failed)) return false;
  if (part.top > 0) jpeg_skip_scanlines(&file.info, part.top);
  for (JDIMENSION y = 0; y < part.height;) {
    JSAMPROW row = pixels + y * row_bytes;
    y += jpeg_read_scanlines(&file.info, &row, 1);
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

// The greatest scaling down that leaves what is needed. Of libjpeg's sizes these have fast code. Chroma at half the
// width but the full height is not scaled apart from luma, and loses twice as much: there it is one step less.
int Denominator(const jpeg_decompress_struct& info, const Need& need) {
  if (need.least_height <= 0 || need.least_width <= 0) return 1;
  const jpeg_component_info& luma = info.comp_info[0];
  const int spare = info.num_components > 1 && luma.h_samp_factor != luma.v_samp_factor ? 2 : 1;
  for (const int denominator : {8, 4, 2})
    if (need.box.height >= need.least_height * denominator * spare &&
        need.box.width >= need.least_width * denominator * spare)
      return denominator;
  return 1;
}

// The pixels that hold the box at that scale. Chroma at half the width is smoothed between neighbours, which libjpeg
// does not do at the ends of what it decodes: they lie outside the box.
Part PartFor(const CropBox& box, int denominator, int height, int width) {
  constexpr int kMargin = 2;
  const auto down = [&](int value) { return value / denominator; };
  const auto up = [&](int value) { return (value + denominator - 1) / denominator; };
  const int left = std::max(0, down(box.left) - kMargin),
            right = std::min(up(width), up(box.left + box.width) + kMargin);
  const int top = down(box.top), bottom = std::min(up(height), up(box.top + box.height));
  return {static_cast<JDIMENSION>(denominator), static_cast<JDIMENSION>(top), static_cast<JDIMENSION>(bottom - top),
          static_cast<JDIMENSION>(left), static_cast<JDIMENSION>(right - left)};
}

// Where the box lies in the decoded part, and the pixels that it touches.
Region RegionOf(const Picture& picture, const Part& part, const CropBox& box) {
  const double scale = 1.0 / part.denominator;
  const int first = box.left / static_cast<int>(part.denominator);
  const int skipped = first - static_cast<int>(part.left);
  const int end = std::min(static_cast<int>((box.left + box.width + part.denominator - 1) / part.denominator),
                           static_cast<int>(part.left + part.width));
  return {.pixels = picture.View().Crop(0, skipped, picture.height, end - first),
          .top = box.top * scale - part.top,
          .left = box.left * scale - first,
          .height = box.height * scale,
          .width = box.width * scale};
}

Result<Region> DecodeOpened(JpegFile& file, std::span<const uint8_t> data, int channels, const ChooseNeed& choose,
                            Picture& out) {
  if (!ReadHeader(file, data.data(), data.size())) return DataLoss("broken JPEG: {}", file.message);
  const int height = static_cast<int>(file.info.image_height), width = static_cast<int>(file.info.image_width);
  const int components = file.info.num_components;
  RIFFLE_TRY(CheckPictureSize("JPEG", height, width));
  if (file.info.data_precision != 8)
    return Unavailable("JPEG with {} bits a value; 8 are supported: convert the file", file.info.data_precision);
  const Need need = choose(height, width);
  Part part = PartFor(need.box, Denominator(file.info, need), height, width);
  if (!Start(file, part)) return DataLoss("broken JPEG: {}", file.message);
  const int rows = static_cast<int>(part.height), columns = static_cast<int>(part.width);
  std::vector<uint8_t> cmyk;
  out.Reshape(rows, columns, components == 1 ? 1 : 3);
  if (components == 4) cmyk.resize(static_cast<size_t>(rows) * columns * 4);
  uint8_t* pixels = components == 4 ? cmyk.data() : out.pixels.data();
  const size_t row_bytes = static_cast<size_t>(columns) * (components == 4 ? 4 : out.channels);
  if (!ReadRows(file, part, pixels, row_bytes)) return DataLoss("broken JPEG: {}", file.message);
  if (file.no_pixels) return DataLoss("JPEG that ends before its first pixels ({} bytes)", data.size());
  if (components == 4) CmykToRgb(cmyk.data(), static_cast<int64_t>(rows) * columns, out.pixels.data());
  ConvertChannels(out, channels);
  out.incomplete = file.damaged;
  return RegionOf(out, part, need.box);
}

}  // namespace

Result<Region> DecodeJpeg(std::span<const uint8_t> file, int channels, const ChooseNeed& choose, Picture& out) {
  JpegFile jpeg{};
  Result<Region> region = DecodeOpened(jpeg, file, channels, choose, out);
  jpeg_destroy_decompress(&jpeg.info);
  return region;
}

}  // namespace riffle
