#include "train/loop/resolution.h"

#include <algorithm>
#include <charconv>

namespace riffle {
namespace {

constexpr int kMinSize = 8, kMaxSize = 4096;

/// "60:160".
bool Parse(std::string_view text, ResolutionStep* step) {
  const char *at = text.data(), *end = at + text.size();
  const auto epoch = std::from_chars(at, end, step->epoch);
  if (epoch.ec != std::errc() || epoch.ptr == end || *epoch.ptr != ':') return false;
  const auto size = std::from_chars(epoch.ptr + 1, end, step->size);
  return size.ec == std::errc() && size.ptr == end && step->size >= kMinSize && step->size <= kMaxSize;
}

}  // namespace

Result<std::vector<ResolutionStep>> ParseResolutionSchedule(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return InvalidArgument(
        "option resolution_schedule: expected pairs epoch:size such as 0:128,60:160,80:224, from epoch 0 on and "
        "rising, "
        "sizes {} to {}; {} in '{}'",
        kMinSize, kMaxSize, why, text);
  };
  std::vector<ResolutionStep> steps;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    ResolutionStep step;
    if (!Parse(rest.substr(0, comma), &step)) return wrong(fmt::format("found '{}'", rest.substr(0, comma)));
    if (steps.empty() ? step.epoch != 0 : step.epoch <= steps.back().epoch)
      return wrong(fmt::format("found epoch {}", step.epoch));
    steps.push_back(step);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return steps;
}

int ResolutionAt(const std::vector<ResolutionStep>& steps, int epoch) {
  const auto next = std::ranges::upper_bound(steps, epoch, {}, &ResolutionStep::epoch);
  return std::prev(next)->size;
}

}  // namespace riffle
