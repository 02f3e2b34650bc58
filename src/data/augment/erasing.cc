#include "data/augment/erasing.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace riffle {
namespace {

struct Rectangle {
  int top, left, height, width;
};

std::optional<Rectangle> Propose(const Erasing& erasing, int size, RandomStream& random) {
  for (int attempt = 0; attempt < erasing.max_attempts; ++attempt) {
    const double area = random.Uniform(erasing.scale[0], erasing.scale[1]) * size * size;
    const double shape = std::exp(random.Uniform(std::log(erasing.ratio[0]), std::log(erasing.ratio[1])));
    const double height = std::nearbyint(std::sqrt(area * shape)), width = std::nearbyint(std::sqrt(area / shape));
    if (height >= size || width >= size) continue;
    const int h = static_cast<int>(height), w = static_cast<int>(width);
    const int top = static_cast<int>(random.Below(static_cast<uint32_t>(size - h + 1)));
    return Rectangle{top, static_cast<int>(random.Below(static_cast<uint32_t>(size - w + 1))), h, w};
  }
  return std::nullopt;
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

void EraseRandomly(const Erasing& erasing, int channels, int size, RandomStream& random, float* out,
                   int64_t channel_stride) {
  if (erasing.probability == 0 || !random.Chance(erasing.probability)) return;
  const std::optional<Rectangle> r = Propose(erasing, size, random);
  if (!r) return;
  for (int c = 0; c < channels; ++c)
    for (int y = r->top; y < r->top + r->height; ++y) {
      float* row = out + c * channel_stride + int64_t{y} * size + r->left;
      if (erasing.value.empty()) {
        std::generate_n(row, r->width, [&] { return static_cast<float>(random.Normal()); });
      } else {
        std::fill_n(row, r->width, erasing.value.size() == 1 ? erasing.value[0] : erasing.value[c]);
      }
    }
}

}  // namespace riffle
