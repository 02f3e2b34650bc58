#include "data/normalise.h"

#include <algorithm>

namespace riffle {
namespace {

template <int kChannels>
void WriteRow(const uint8_t* row, int width, bool mirrored, const float* scale, const float* shift, float* out,
              int64_t channel_stride) {
  for (int c = 0; c < kChannels; ++c) {
    float* to = out + c * channel_stride;
    const uint8_t* from = row + c;
    const float a = scale[c], b = shift[c];
    if (mirrored)
      for (int x = 0; x < width; ++x) to[x] = static_cast<float>(from[(width - 1 - x) * kChannels]) * a + b;
    else
      for (int x = 0; x < width; ++x) to[x] = static_cast<float>(from[x * kChannels]) * a + b;
  }
}

}  // namespace

void WriteNormalised(const PictureView& picture, bool hflip, bool vflip, std::span<const float> scale,
                     std::span<const float> shift, float* out, int64_t channel_stride) {
  const auto write_row = picture.channels == 1 ? WriteRow<1> : WriteRow<3>;
  for (int y = 0; y < picture.height; ++y)
    write_row(picture.Row(vflip ? picture.height - 1 - y : y), picture.width, hflip, scale.data(), shift.data(),
              out + static_cast<int64_t>(y) * picture.width, channel_stride);
}

}  // namespace riffle
