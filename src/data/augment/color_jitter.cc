#include "data/augment/color_jitter.h"

#include <algorithm>

namespace riffle {

std::array<EnhanceStep, 3> DrawColorJitter(double strength, RandomStream& random) {
  std::array<EnhanceStep, 3> steps = {
      {{Enhancement::kBrightness, 1}, {Enhancement::kContrast, 1}, {Enhancement::kColor, 1}}};
  for (EnhanceStep& step : steps)
    step.factor = static_cast<float>(random.Uniform(std::max(0.0, 1 - strength), 1 + strength));
  for (uint32_t left = 3; left > 1; --left) std::swap(steps[left - 1], steps[random.Below(left)]);
  return steps;
}

}  // namespace riffle
