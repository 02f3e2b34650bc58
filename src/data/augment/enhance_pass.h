// The inner loops of enhance.cc, for the instruction set in use.
#pragma once

#include <cstdint>
#include <span>

namespace riffle {

/// out = poor + factor · (value - poor), cut off at 0 and 255 and rounded down; `poor` is one value, or each pixel's
/// luma (negative).
struct MixStep {
  float factor;
  float poor;
};

/// What stands for the luma of each pixel in MixStep::poor.
inline constexpr float kPoorIsLuma = -1;

/// All steps on each RGB pixel.
void MixPixels(std::span<const MixStep> steps, uint8_t* rgb, int64_t pixels);

/// The sum of the luma that the pixels would have after the steps.
int64_t SumOfLuma(std::span<const MixStep> steps, const uint8_t* rgb, int64_t pixels);

}  // namespace riffle
