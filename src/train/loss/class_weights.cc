#include "train/loss/class_weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string_view>

namespace riffle {
namespace {

/// A number with nothing but spaces around it; NaN if it is none.
float Number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(' ') + 1));
  float value = NAN;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : NAN;
}

}  // namespace

Result<std::vector<float>> ParseClassWeights(const std::string& text, int classes) {
  std::vector<float> weights;
  std::string_view rest = text;
  if (rest.size() >= 2 && (rest.front() == '[' || rest.front() == '(')) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty()) return weights;
  for (size_t begin = 0; begin <= rest.size();) {
    const size_t end = std::min(rest.find(',', begin), rest.size());
    weights.push_back(Number(rest.substr(begin, end - begin)));
    begin = end + 1;
  }
  const auto is_weight = [](float w) { return w >= 0 && std::isfinite(w); };
  if (static_cast<int>(weights.size()) != classes || !std::ranges::all_of(weights, is_weight) ||
      *std::ranges::max_element(weights) == 0)
    return InvalidArgument(
        "option class_weights: expected a number of at least 0 for each of the {} classes, not all 0, or for training "
        "'balanced'; found '{}'",
        classes, text);
  return weights;
}

std::string BalancedClassWeights(std::span<const int64_t> pictures_of_class) {
  const auto pictures = static_cast<double>(std::reduce(pictures_of_class.begin(), pictures_of_class.end()));
  const auto classes =
      static_cast<double>(pictures_of_class.size() - std::ranges::count(pictures_of_class, int64_t{0}));
  std::string text;
  for (const int64_t own : pictures_of_class)
    text += fmt::format("{}{:.6g}", text.empty() ? "" : ",",
                        own == 0 ? 1 : pictures / (classes * static_cast<double>(own)));
  return text;
}

}  // namespace riffle
