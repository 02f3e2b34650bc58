// WebP by libwebp, lossy and lossless; of a cut-off file the rows that are there.
#include <webp/decode.h>

#include <algorithm>
#include <memory>
#include <string_view>

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

/// The canvas of an extended file may be declared larger than any picture in it can be; libwebp calls that broken.
Status CheckCanvas(std::span<const uint8_t> file) {
  constexpr size_t kChunkAt = 12, kWidthAt = 24, kHeightAt = 27, kEnd = 30;
  constexpr std::string_view kExtended = "VP8X";
  if (file.size() < kEnd || !std::ranges::equal(file.subspan(kChunkAt, kExtended.size()), kExtended)) return {};
  const auto dimension = [&](size_t at) { return 1 + (file[at] | file[at + 1] << 8 | file[at + 2] << 16); };
  return CheckPictureSize("WebP", dimension(kHeightAt), dimension(kWidthAt));
}

}  // namespace

Status DecodeWebp(std::span<const uint8_t> file, Picture& out) {
  RIFFLE_TRY(CheckCanvas(file));
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
