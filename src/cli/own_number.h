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
  const std::string* text = invocation.Own(option);
  if (text == nullptr) return otherwise;
  const std::optional<T> number = ParseNumber<T>(*text);
  if (number && IsWithin(static_cast<double>(*number), limits)) return *number;
  return InvalidArgument("option {} (command line): expected {}{}, found '{}'", option,
                         std::is_integral_v<T> ? "an integer" : "a number", RangeText(limits), *text);
}

}  // namespace riffle
