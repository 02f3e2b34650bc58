#include "data/augment/erasing.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace riffle {
namespace {

// One of no height where none fits.
Erasure Propose(const Erasing& erasing, int size, RandomStream& random) {
  for (int attempt = 0; attempt < erasing.max_attempts; ++attempt) {
    const double area = random.Uniform(erasing.scale[0], erasing.scale[1]) * size * size;
    const double shape = std::exp(random.Uniform(std::log(erasing.ratio[0]), std::log(erasing.ratio[1])));
    const double height = std::nearbyint(std::sqrt(area * shape)), width = std::nearbyint(std::sqrt(area / shape));
    if (height >= size || width >= size) continue;
    const int h = static_cast<int>(height), w = static_cast<int>(width);
    const int top = static_cast<int>(random.Below(static_cast<uint32_t>(size - h + 1)));
    return {.top = top,
            .left = static_cast<int>(random.Below(static_cast<uint32_t>(size - w + 1))),
            .height = h,
            .width = w};
  }
  return {};
}

}  // namespace

Result<std::vector<float>> ParseErasingValue(std::string_view text) {
  std::vector<float> values;
  if (text == "random") return values;
  for (const std::string_view number : Split(text, ',')) {
    const std::optional<float> value = ParseNumber<float>(number);
    if (!value)
      return InvalidArgument("expected a number, one for each channel (such as 0.5,0,-0.5) or 'random', found '{}'",
                             text);
    values.push_back(*value);
  }
  return values;
}

Status Check(const Erasing& e, int channels) {
  if (!(e.probability >= 0 && e.probability <= 1))
    return InvalidArgument("re_prob: a probability from 0 to 1 was expected, {} found", e.probability);
  if (!(e.scale[0] > 0 && e.scale[0] <= e.scale[1] && e.scale[1] <= 1))
    return InvalidArgument("re_scale: a range within (0, 1], smaller number first, was expected, ({}, {}) found",
                           e.scale[0], e.scale[1]);
  if (!(e.ratio[0] > 0 && e.ratio[0] <= e.ratio[1] && std::isfinite(e.ratio[1])))
    return InvalidArgument("re_ratio: a range above 0, smaller number first, was expected, ({}, {}) found", e.ratio[0],
                           e.ratio[1]);
  if (e.value.size() > 1 && static_cast<int>(e.value.size()) != channels)
    return InvalidArgument("re_value: one value, {} (one per channel) or 'random' were expected, {} values found",
                           channels, e.value.size());
  if (e.max_attempts < 1) return InvalidArgument("re_max_attempts: at least 1 was expected, {} found", e.max_attempts);
  return {};
}

Erasure DrawErasure(const Erasing& erasing, int channels, int size, RandomStream& random) {
  if (erasing.probability == 0 || !random.Chance(erasing.probability)) return {};
  Erasure erasure = Propose(erasing, size, random);
  erasure.noise = random;
  if (erasing.value.empty())  // what is drawn next comes behind the noise
    random.Skip(RandomStream::kBitsOfNormal * static_cast<uint64_t>(channels) * erasure.height * erasure.width);
  return erasure;
}

void Erase(const Erasing& erasing, const Erasure& erasure, int channels, int size, float* out, int64_t channel_stride) {
  RandomStream noise = erasure.noise;
  for (int c = 0; c < channels; ++c)
    for (int y = erasure.top; y < erasure.top + erasure.height; ++y) {
      float* row = out + c * channel_stride + int64_t{y} * size + erasure.left;
      if (erasing.value.empty()) {
        std::generate_n(row, erasure.width, [&] { return static_cast<float>(noise.Normal()); });
      } else {
        std::fill_n(row, erasure.width, erasing.value.size() == 1 ? erasing.value[0] : erasing.value[c]);
      }
    }
}

}  // namespace riffle
