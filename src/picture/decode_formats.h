// One decoder for each format, for decode.cc. Each leaves the format's own channels (1 or 3) in `out`. JPEG decodes
// only what is needed, and converts it to the channels asked for.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "picture/picture.h"
#include "picture/region.h"

namespace riffle {

Result<Region> DecodeJpeg(std::span<const uint8_t> file, int channels, const ChooseNeed& choose, Picture& out);
Status DecodePng(std::span<const uint8_t> file, Picture& out);
Status DecodeWebp(std::span<const uint8_t> file, Picture& out);
Status DecodeBmp(std::span<const uint8_t> file, Picture& out);

/// What stands where a cut-off file has no pixels.
inline constexpr uint8_t kMissingPixel = 128;

/// DataLoss if a picture of this size is empty or hostile.
Status CheckPictureSize(const char* format, int64_t height, int64_t width);

}  // namespace riffle
