// The one EXIF tag that changes what a picture shows: how the camera was held.
#pragma once

#include <cstdint>
#include <span>

#include "picture/picture.h"

namespace riffle {

/// EXIF's tag Orientation of a JPEG, PNG or WebP file: 1 (upright) to 8; 1 where there is none or none that can be
/// understood. Reads the file's headers and never beyond its end. Thread-safe.
int ExifOrientation(std::span<const uint8_t> file);

/// Turns and mirrors the picture as Pillow's ImageOps.exif_transpose does. REQUIRES: `orientation` is 1 to 8.
void TurnUpright(int orientation, Picture& picture);

}  // namespace riffle
