// Random brightness, contrast and saturation.
#pragma once

#include "base/random.h"
#include "picture/picture.h"

namespace riffle {

/// Brightness, contrast and colour (enhance.h) in random order, each by its own factor, uniform in
/// [max(0, 1 - strength), 1 + strength]. As torchvision's ColorJitter and MindSpore's RandomColorAdjust; no hue.
void JitterColors(Picture& picture, double strength, RandomStream& random);

}  // namespace riffle
