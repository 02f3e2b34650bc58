#include "picture/picture.h"

#include <fmt/format.h>

#include <algorithm>

namespace riffle {

std::string FlawOf(const Picture& picture) {
  if (picture.incomplete) return "cut off or damaged after some of its pixels; used as far as it goes";
  if (picture.vanished())
    return fmt::format(
        "16 bits a value, of which the high 8 are used, and they take {} of 256 levels: {}black; stretch its values",
        picture.levels, picture.levels > 1 ? "nearly " : "");
  return "";
}

void CopyRows(uint8_t* to, const PictureView& from) {
  const int64_t row_bytes = int64_t{from.width} * from.channels;
  for (int y = 0; y < from.height; ++y) std::copy_n(from.Row(y), row_bytes, to + y * row_bytes);
}

void CopyTo(Picture& to, const PictureView& from) {
  to.Reshape(from.height, from.width, from.channels);
  CopyRows(to.pixels.data(), from);
}

void ConvertChannels(Picture& picture, int channels) {
  if (picture.channels == channels) return;
  const int64_t count = static_cast<int64_t>(picture.height) * picture.width;
  if (channels == 1) {
    uint8_t* p = picture.pixels.data();
    for (int64_t i = 0; i < count; ++i)
      p[i] = static_cast<uint8_t>((p[3 * i] * 19595u + p[3 * i + 1] * 38470u + p[3 * i + 2] * 7471u + 0x8000u) >> 16);
    picture.pixels.resize(count);
  } else {
    picture.pixels.resize(3 * count);
    uint8_t* p = picture.pixels.data();
    for (int64_t i = count - 1; i >= 0; --i) p[3 * i] = p[3 * i + 1] = p[3 * i + 2] = p[i];  // in place, from the end
  }
  picture.channels = channels;
}

}  // namespace riffle
