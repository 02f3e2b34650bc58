// WebP by libwebp, lossy and lossless; of a cut-off file the rows that are there.
#include <webp/decode.h>

#include <algorithm>
#include <memory>

#include "picture/decode_formats.h"

namespace riffle {
namespace {

// Rows that an incremental decoder gets out of what there is; 0 if none.
int DecodeWhatIsThere(std::span<const uint8_t> file, Picture& out) {
  const std::unique_ptr<WebPIDecoder, void (*)(WebPIDecoder*)> decoder(
      WebPINewRGB(MODE_RGB, out.pixels.data(), out.pixels.size(), static_cast<int>(out.RowBytes())), WebPIDelete);
  if (decoder == nullptr || WebPIAppend(decoder.get(), file.data(), file.size()) != VP8_STATUS_SUSPENDED) return 0;
  int rows = 0;
  if (WebPIDecGetRGB(decoder.get(), &rows, nullptr, nullptr, nullptr) == nullptr) return 0;
  return rows;
}

}  // namespace

Status DecodeWebp(std::span<const uint8_t> file, Picture& out) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK) return DataLoss("broken WebP header");
  if (features.has_animation) return Unavailable("animated WebP; a single picture is needed: convert the file");
  RIFFLE_TRY(CheckPictureSize("WebP", features.height, features.width));
  out.Reshape(features.height, features.width, 3);
  if (WebPDecodeRGBInto(file.data(), file.size(), out.pixels.data(), out.pixels.size(),
                        static_cast<int>(out.RowBytes())) != nullptr)
    return {};
  std::fill(out.pixels.begin(), out.pixels.end(), kMissingPixel);
  const int rows = DecodeWhatIsThere(file, out);
  if (rows == 0) return DataLoss("broken or cut-off WebP ({} bytes)", file.size());
  std::fill(out.pixels.begin() + rows * out.RowBytes(), out.pixels.end(), kMissingPixel);
  out.incomplete = true;
  return {};
}

}  // namespace riffle
