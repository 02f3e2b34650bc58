#include "picture/crop.h"

#include <algorithm>
#include <cmath>

namespace riffle {

CropBox RandomResizedCropBox(int height, int width, std::array<double, 2> scale, std::array<double, 2> ratio,
                             RandomStream& random) {
  constexpr int kAttempts = 10;
  const double area = static_cast<double>(height) * width;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double crop_area = area * random.Uniform(scale[0], scale[1]);
    const double shape = std::exp(random.Uniform(std::log(ratio[0]), std::log(ratio[1])));
    const double w = std::nearbyint(std::sqrt(crop_area * shape)), h = std::nearbyint(std::sqrt(crop_area / shape));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    CropBox box{0, 0, static_cast<int>(h), static_cast<int>(w)};
    box.top = static_cast<int>(random.Below(static_cast<uint32_t>(height - box.height + 1)));
    box.left = static_cast<int>(random.Below(static_cast<uint32_t>(width - box.width + 1)));
    return box;
  }
  const double shape = static_cast<double>(width) / height;
  CropBox box{0, 0, height, width};
  if (shape < ratio[0]) box.height = std::clamp(static_cast<int>(std::nearbyint(width / ratio[0])), 1, height);
  if (shape > ratio[1]) box.width = std::clamp(static_cast<int>(std::nearbyint(height * ratio[1])), 1, width);
  box.top = (height - box.height) / 2;
  box.left = (width - box.width) / 2;
  return box;
}

PaddedCropPlace DrawPaddedCrop(int padding, RandomStream& random) {
  const auto places = static_cast<uint32_t>(2 * padding + 1);
  const int top = static_cast<int>(random.Below(places)) - padding;
  return {.top = top, .left = static_cast<int>(random.Below(places)) - padding};
}

void PaddedCrop(const PictureView& source, const PaddedCropPlace& place, Picture& out) {
  out.Reshape(source.height, source.width, source.channels);
  const auto [top, left] = place;
  const int begin = std::clamp(-left, 0, source.width), end = std::clamp(source.width - left, 0, source.width);
  const int channels = source.channels;
  for (int y = 0; y < source.height; ++y) {
    uint8_t* row = out.Row(y);
    if (top + y < 0 || top + y >= source.height || begin >= end) {
      std::fill_n(row, out.RowBytes(), uint8_t{0});
      continue;
    }
    std::fill_n(row, begin * channels, uint8_t{0});
    std::copy_n(source.Row(top + y) + int64_t{left + begin} * channels, (end - begin) * channels,
                row + begin * channels);
    std::fill_n(row + end * channels, (source.width - end) * channels, uint8_t{0});
  }
}

}  // namespace riffle
