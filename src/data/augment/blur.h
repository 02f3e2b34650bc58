// Gaussian blur, value for value as Pillow computes it.
#pragma once

#include "picture/picture.h"

namespace riffle {

/// Three passes of a box in each direction, which together have the deviation `sigma` (pixels), with the border's
/// pixels repeated outwards. `scratch` is memory that is used again. Grey and RGB; thread-safe. Source: Gwosdek et al.,
/// "Theoretical foundations of Gaussian convolution by extended box filtering" (SSVM 2011), equations 7, 11 and 14.
void GaussianBlur(Picture& picture, float sigma, Picture& scratch);

}  // namespace riffle
