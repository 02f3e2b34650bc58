// JPEG files by libjpeg, as Pillow's save(quality=Q) writes them: baseline, chroma at half the width and height.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "picture/picture.h"

namespace riffle {

/// Errors: Unavailable for a side of more than 65,500 pixels, which JPEG cannot have, and where there is no memory.
/// REQUIRES: the picture is not empty; `quality` is 1 to 100. Thread-safe.
Result<std::vector<uint8_t>> EncodeJpeg(const PictureView& picture, int quality);

}  // namespace riffle
