// Random brightness, contrast and saturation.
#pragma once

#include <array>

#include "base/random.h"
#include "data/augment/enhance.h"

namespace riffle {

/// Brightness, contrast and colour in random order, each by its own factor, uniform in [max(0, 1 - strength), 1 +
/// strength]: what Enhance is to do. As torchvision's ColorJitter and MindSpore's RandomColorAdjust; no hue.
std::array<EnhanceStep, 3> DrawColorJitter(double strength, RandomStream& random);

}  // namespace riffle
