#include "train/loop/resolution.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace riffle {
namespace {

constexpr int kMinSize = 8, kMaxSize = 4096;

/// "60:160".
std::optional<ResolutionStep> ParseStep(std::string_view text) {
  const std::vector<std::string_view> numbers = Split(text, ':');
  if (numbers.size() != 2) return std::nullopt;
  const std::optional<int> epoch = ParseNumber<int>(numbers[0]), size = ParseNumber<int>(numbers[1]);
  if (!epoch || !size || size < kMinSize || size > kMaxSize) return std::nullopt;
  return ResolutionStep{.epoch = *epoch, .size = *size};
}

}  // namespace

Result<std::vector<ResolutionStep>> ParseResolutionSchedule(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return InvalidArgument(
        "expected pairs epoch:size such as 0:128,60:160,80:224, from epoch 0 on and "
        "rising, sizes {} to {}; {} in '{}'",
        kMinSize, kMaxSize, why, text);
  };
  std::vector<ResolutionStep> steps;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::optional<ResolutionStep> step = ParseStep(rest.substr(0, comma));
    if (!step) return wrong(fmt::format("found '{}'", rest.substr(0, comma)));
    if (steps.empty() ? step->epoch != 0 : step->epoch <= steps.back().epoch)
      return wrong(fmt::format("found epoch {}", step->epoch));
    steps.push_back(*step);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return steps;
}

int ResolutionAt(const std::vector<ResolutionStep>& steps, int epoch) {
  const auto next = std::ranges::upper_bound(steps, epoch, {}, &ResolutionStep::epoch);
  return std::prev(next)->size;
}

}  // namespace riffle
