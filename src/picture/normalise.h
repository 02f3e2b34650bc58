// The last step of every transform: bytes, pixel by pixel, to floats, channel by channel.
#pragma once

#include <cstdint>
#include <span>

#include "picture/picture.h"

namespace riffle {

/// out[c · channel_stride + y · width + x] = value(y, x, c) · scale[c] + shift[c], mirrored on the way if asked.
/// REQUIRES: scale and shift have a value for each channel (1 or 3). Thread-safe.
void WriteNormalised(const PictureView& picture, bool hflip, bool vflip, std::span<const float> scale,
                     std::span<const float> shift, float* out, int64_t channel_stride);

}  // namespace riffle
