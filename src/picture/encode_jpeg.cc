// As decode_jpeg.cc has it, the jump of an error never crosses a C++ destructor.
#include "picture/encode_jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

namespace riffle {
namespace {

struct JpegWriter {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX];
  unsigned char* bytes;
  unsigned long size;
};

[[noreturn]] void Fail(j_common_ptr info) {
  auto* const writer = static_cast<JpegWriter*>(info->client_data);
  info->err->format_message(info, writer->message);
  std::longjmp(writer->failed, 1);
}

// False: `writer.message` tells why.
bool Write(JpegWriter& writer, const PictureView& picture, int quality) {
  writer.info.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = Fail;
  writer.info.client_data = &writer;
  if (setjmp(writer.failed)) return false;
  jpeg_create_compress(&writer.info);
  jpeg_mem_dest(&writer.info, &writer.bytes, &writer.size);
  writer.info.image_width = static_cast<JDIMENSION>(picture.width);
  writer.info.image_height = static_cast<JDIMENSION>(picture.height);
  writer.info.input_components = picture.channels;
  writer.info.in_color_space = picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&writer.info);
  jpeg_set_quality(&writer.info, quality, TRUE);
  jpeg_start_compress(&writer.info, TRUE);
  for (int y = 0; y < picture.height; ++y) {
    auto* row = const_cast<JSAMPROW>(picture.Row(y));
    jpeg_write_scanlines(&writer.info, &row, 1);
  }
  jpeg_finish_compress(&writer.info);
  return true;
}

}  // namespace

Result<std::vector<uint8_t>> EncodeJpeg(const PictureView& picture, int quality) {
  JpegWriter writer{};
  const bool written = Write(writer, picture, quality);
  jpeg_destroy_compress(&writer.info);
  std::vector<uint8_t> file;
  if (written) file.assign(writer.bytes, writer.bytes + writer.size);
  std::free(writer.bytes);
  if (!written)
    return Unavailable("a JPEG of {} × {} pixels cannot be made: {}", picture.width, picture.height, writer.message);
  return file;
}

}  // namespace riffle
