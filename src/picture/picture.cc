#include "picture/picture.h"

namespace riffle {

void ConvertChannels(Picture& picture, int channels) {
  if (picture.channels == channels) return;
  const int64_t count = static_cast<int64_t>(picture.height) * picture.width;
  const bool incomplete = picture.incomplete;
  if (channels == 1) {
    uint8_t* p = picture.pixels.data();
    for (int64_t i = 0; i < count; ++i)
      p[i] = static_cast<uint8_t>((p[3 * i] * 19595u + p[3 * i + 1] * 38470u + p[3 * i + 2] * 7471u + 0x8000u) >> 16);
    picture.Reshape(picture.height, picture.width, 1);
  } else {
    picture.Reshape(picture.height, picture.width, 3);
    uint8_t* p = picture.pixels.data();
    for (int64_t i = count - 1; i >= 0; --i) p[3 * i] = p[3 * i + 1] = p[3 * i + 2] = p[i];  // in place, from the end
  }
  picture.incomplete = incomplete;
}

}  // namespace riffle
