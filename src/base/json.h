// Strict JSON: what hostile or damaged files may not do to us, in one place.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace riffle {

/// The value of a JSON text. InvalidArgument if it is not JSON, nests deeper than 64, or has an object with a key twice
/// (of which parsers disagree on the meaning).
Result<nlohmann::json> ParseJson(std::string_view text);

/// The number that a value is, if T holds it: a whole one for whole types, a finite one for others. nullopt otherwise,
/// where the library's get<T> would make 1 of 1.5 and of true, and anything of 1e300.
template <class T>
std::optional<T> NumberIn(const nlohmann::json& value) {
  if constexpr (std::is_integral_v<T>) {
    const auto held = [](auto whole) {
      return std::in_range<T>(whole) ? std::optional(static_cast<T>(whole)) : std::nullopt;
    };
    if (value.is_number_unsigned()) return held(value.get<uint64_t>());
    return value.is_number_integer() ? held(value.get<int64_t>()) : std::nullopt;
  } else {
    if (!value.is_number()) return std::nullopt;
    const auto number = value.get<double>();
    return std::abs(number) <= std::numeric_limits<T>::max() ? std::optional(static_cast<T>(number)) : std::nullopt;
  }
}

/// Whether a JSON text can hold `text`: writing one that is not UTF-8 throws.
bool IsUtf8(std::string_view text);

/// `text` with U+FFFD for what is not UTF-8: for records of names that a system has and JSON cannot hold.
std::string AsUtf8(std::string_view text);

/// `text` in double quotes for a message of one line: control characters escaped, shortened beyond 80 bytes. For names
/// that come from files.
std::string Quoted(std::string_view text);

}  // namespace riffle
