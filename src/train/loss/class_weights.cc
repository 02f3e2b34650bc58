#include "train/loss/class_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "base/text.h"

namespace riffle {

Result<std::vector<float>> ParseClassWeights(const std::string& text, int classes) {
  std::vector<float> weights;
  std::string_view rest = text;
  if (rest.size() >= 2 && (rest.front() == '[' || rest.front() == '(')) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty()) return weights;
  for (const std::string_view number : Split(rest, ','))
    weights.push_back(ParseNumber<float>(Trimmed(number)).value_or(-1));
  const auto is_weight = [](float w) { return w >= 0; };
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
