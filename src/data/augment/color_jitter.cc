#include "data/augment/color_jitter.h"

#include <algorithm>
#include <array>

#include "data/augment/enhance.h"

namespace riffle {

void JitterColors(Picture& picture, double strength, RandomStream& random) {
  struct Step {
    void (*enhance)(Picture&, float);
    float factor = 1;
  };
  std::array<Step, 3> steps = {{{Brightness}, {Contrast}, {Color}}};
  for (Step& step : steps) step.factor = static_cast<float>(random.Uniform(std::max(0.0, 1 - strength), 1 + strength));
  for (uint32_t left = 3; left > 1; --left) std::swap(steps[left - 1], steps[random.Below(left)]);
  for (const Step& step : steps) step.enhance(picture, step.factor);
}

}  // namespace riffle
