// Random erasing: a rectangle of the network's input gets one value, or noise.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/status.h"

namespace riffle {

/// MindCV's options re_*.
struct Erasing {
  double probability = 0;
  std::array<double, 2> scale = {0.02, 0.33};  ///< shares of the picture's area
  std::array<double, 2> ratio = {0.3, 3.3};    ///< height / width
  /// In the units of the network's input, so that 0 is the mean colour: one for all channels, one for each, or none:
  /// each value is noise, normal of deviation 1.
  std::vector<float> value = {0};
  int max_attempts = 10;  ///< proposals that do not fit before the picture stays whole
};

/// re_value: a number, one for each channel separated by commas, or 'random' (no values).
Result<std::vector<float>> ParseErasingValue(std::string_view text);

/// InvalidArgument if the numbers make no sense for that many channels; names the option.
Status Check(const Erasing& erasing, int channels);

/// What random erasing does to one picture.
struct Erasure {
  int top = 0, left = 0, height = 0, width = 0;  ///< no height: the picture stays whole
  /// Noise is, in the order channel, row, column, what Normal() gives.
  RandomStream noise = {0, RandomPurpose::kAugmentation, 0, 0};
};

/// Area uniform in `scale`, shape log-uniform in `ratio`, place uniform in a picture of size × size. REQUIRES: Check.
/// Thread-safe, as Erase is. Source: Zhong et al., "Random erasing data augmentation", algorithm 1, as torchvision
/// implements it.
Erasure DrawErasure(const Erasing& erasing, int channels, int size, RandomStream& random);

/// Erases in out[c · channel_stride + y · size + x].
void Erase(const Erasing& erasing, const Erasure& erasure, int channels, int size, float* out, int64_t channel_stride);

}  // namespace riffle
