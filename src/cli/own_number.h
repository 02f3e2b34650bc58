// Numbers that the own options of commands give: --batches, --seconds.
#pragma once

#include <string_view>
#include <type_traits>

#include "base/status.h"
#include "base/text.h"
#include "cli/command.h"

namespace riffle {

/// The number that an own option gives, or `otherwise` where it was not given. InvalidArgument for text that is no
/// number, and for one beyond the limits.
template <class T>
Result<T> OwnNumber(const Invocation& invocation, std::string_view option, T otherwise, const Limits& limits) {
  const auto own = invocation.own.find(option);
  if (own == invocation.own.end()) return otherwise;
  const std::optional<T> number = ParseNumber<T>(own->second);
  if (number && IsWithin(static_cast<double>(*number), limits)) return *number;
  return InvalidArgument("option {} (command line): expected {}{}, found '{}'", option,
                         std::is_integral_v<T> ? "an integer" : "a number", RangeText(limits), own->second);
}

}  // namespace riffle
