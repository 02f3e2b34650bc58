// Values of options: from text, to text, and what is wrong with them. One overload or template for each kind of type.
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

/// "(a, b)", "[a,b]" and "a,b" without their brackets; nullopt if the brackets do not match.
std::optional<std::string_view> WithoutBrackets(std::string_view text) {
  text = Trimmed(text);
  if (text.empty()) return std::nullopt;
  const bool opens = text.front() == '(' || text.front() == '[';
  if (!opens) return text;
  const char closing = text.front() == '(' ? ')' : ']';
  if (text.size() < 2 || text.back() != closing) return std::nullopt;
  return text.substr(1, text.size() - 2);
}

template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;
template <class T, size_t n>
constexpr bool kIsList<std::array<T, n>> = true;
template <class T>
constexpr bool kIsPair = false;
template <class T>
constexpr bool kIsPair<std::array<T, 2>> = true;

/// The type of a row's field, as a value to pass around.
template <class T>
T TypeOf(T Options::*);

// ---- From text. ----

bool Parse(std::string_view text, std::string& value) {
  value = text;
  return true;
}

/// MindCV's str2bool.
bool Parse(std::string_view text, bool& value) {
  const std::string word = Lowercase(Trimmed(text));
  const auto is_one_of = [&](auto... words) { return ((word == words) || ...); };
  value = is_one_of("yes", "true", "t", "y", "1", "on");
  return value || is_one_of("no", "false", "f", "n", "0", "off");
}

template <class Number>
requires std::is_arithmetic_v<Number>
bool Parse(std::string_view text, Number& value) {
  text = Trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const std::optional<Number> number = ParseNumber<Number>(text);
  value = number.value_or(value);
  return number.has_value();
}

template <class T>
bool Parse(std::string_view text, std::vector<T>& values) {
  const auto inner = WithoutBrackets(text);
  if (!inner) return false;
  std::string_view list = Trimmed(*inner);
  if (list.ends_with(',')) list.remove_suffix(1);  // Python's (0.5,)
  values.clear();
  return std::ranges::all_of(Split(list, ','),
                             [&](std::string_view part) { return Parse(part, values.emplace_back()); });
}

template <class T>
bool Parse(std::string_view text, std::optional<T>& value) {
  const std::string word = Lowercase(Trimmed(text));
  if (word.empty() || word == "none" || word == "null" || word == "~") {
    value.reset();
    return true;
  }
  return Parse(text, value.emplace());
}

template <class T, size_t n>
bool Parse(std::string_view text, std::array<T, n>& values) {
  std::vector<T> list;
  if (!Parse(text, list) || list.size() != n) return false;
  std::copy(list.begin(), list.end(), values.begin());
  return true;
}

// ---- Limits. ----

template <class T>
bool IsRight(const T& value, const Limits& limits) {
  if constexpr (kIsOptional<T>) {
    return !value || IsRight(*value, limits);
  } else if constexpr (kIsList<T>) {
    const bool each = std::ranges::all_of(value, [&](const auto& v) { return IsRight(v, limits); });
    return each && (!kIsPair<T> || std::ranges::is_sorted(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return IsWithin(static_cast<double>(value), limits);
  } else {
    return true;
  }
}

template <class T>
std::string TypeText(const Limits& limits) {
  const std::string range = RangeText(limits);
  if constexpr (kIsOptional<T>) {
    return TypeText<typename T::value_type>(limits) + ", or None";
  } else if constexpr (kIsPair<T>) {
    return fmt::format("two numbers{}, the lower one first, such as (0.5,1.0)", range);
  } else if constexpr (kIsList<T>) {
    return fmt::format("numbers{}, separated by commas, such as [0.5,0.5,0.5]", range);
  } else if constexpr (std::is_same_v<T, bool>) {
    return "yes or no (true, t, y, 1, on; false, f, n, 0, off)";
  } else if constexpr (std::is_integral_v<T>) {
    return "an integer" + range;
  } else if constexpr (std::is_floating_point_v<T>) {
    return "a number" + range;
  } else {
    return "text";
  }
}

// ---- To text. ----

template <class T>
std::string Show(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value ? Show(*value) : "None";
  } else if constexpr (kIsList<T>) {
    return fmt::format("[{}]", fmt::join(value, ", "));
  } else {
    return fmt::format("{}", value);
  }
}

template <class T>
std::string Yaml(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value ? Yaml(*value) : "null";
  } else if constexpr (std::is_same_v<T, std::string>) {
    YAML::Emitter quoted;
    if (OneLine(value) != value)
      quoted << YAML::DoubleQuoted;  // of its own accord it leaves a carriage return as it is
    quoted << value;
    return quoted.c_str();
  } else {
    return Show(value);
  }
}

}  // namespace

bool IsWithin(double number, const Limits& limits) {
  const bool low_ok = limits.low_is_excluded ? number > limits.low : number >= limits.low;
  return low_ok && (limits.high_is_excluded ? number < limits.high : number <= limits.high);
}

std::string RangeText(const Limits& l) {
  const std::string low = fmt::format("{} {}", l.low_is_excluded ? "above" : "of at least", l.low);
  const std::string high = fmt::format("{} {}", l.high_is_excluded ? "below" : "at most", l.high);
  if (std::isinf(l.low)) return std::isinf(l.high) ? "" : " " + high;
  if (std::isinf(l.high)) return " " + low;
  if (!l.low_is_excluded && !l.high_is_excluded) return fmt::format(" from {} to {}", l.low, l.high);
  return fmt::format(" {} and {}", low, high);
}

bool IsFlag(const OptionRow& row) {
  return std::holds_alternative<bool Options::*>(row.field) ||
         std::holds_alternative<std::optional<bool> Options::*>(row.field) || !row.limits.alone.empty();
}

std::string Expected(const OptionRow& row) {
  if (!row.limits.choices_text.empty()) return std::string(row.limits.choices_text);
  if (!row.limits.choices.empty()) {
    std::vector<std::string_view> choices = row.limits.choices;
    for (std::string_view& choice : choices) choice = choice.empty() ? "''" : choice;
    return fmt::format("{}{}", choices.size() > 1 ? "one of " : "", fmt::join(choices, ", "));
  }
  return std::visit([&](auto field) { return TypeText<decltype(TypeOf(field))>(row.limits); }, row.field);
}

std::string_view ValueName(const OptionRow& row) {
  return std::visit(
      [&](auto field) -> std::string_view {
        using T = decltype(TypeOf(field));
        if constexpr (std::is_same_v<T, int>) return "N";
        if (!row.limits.alone.empty()) return "[NAME]";
        if (!row.limits.choices.empty()) return "NAME";
        if (row.limits.is_path) return "PATH";
        if constexpr (kIsPair<T>) return "LOW,HIGH";
        if constexpr (kIsList<T> || std::is_same_v<T, std::optional<std::vector<double>>>) return "X,X,X";
        if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::optional<bool>>) return "[BOOL]";
        if constexpr (std::is_same_v<T, std::string>) return "TEXT";
        if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>) return "X";
        return "N";
      },
      row.field);
}

std::string ShowValue(const OptionRow& row, const Options& options) {
  return std::visit([&](auto field) { return Show(options.*field); }, row.field);
}

std::string YamlValue(const OptionRow& row, const Options& options) {
  return std::visit([&](auto field) { return Yaml(options.*field); }, row.field);
}

bool ParseValue(const OptionRow& row, std::string_view text, Options& options) {
  if (bool yes = false; !row.limits.alone.empty() && Parse(text, yes)) text = yes ? row.limits.alone : "";
  if (const auto& choices = row.limits.choices; !choices.empty()) {
    const auto same = [&](std::string_view choice) { return Lowercase(choice) == Lowercase(Trimmed(text)); };
    const auto choice = std::ranges::find_if(choices, same);
    if (choice == choices.end()) return false;
    text = *choice;
  }
  return std::visit(
      [&](auto field) {
        auto value = options.*field;
        const bool ok = Parse(text, value) && IsRight(value, row.limits);
        if (ok) options.*field = std::move(value);
        return ok;
      },
      row.field);
}

}  // namespace riffle
