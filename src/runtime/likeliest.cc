#include "runtime/likeliest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace riffle {

std::string ClassNameOf(const std::vector<std::string>& names, int index) {
  return names.empty() ? fmt::format("class {}", index) : names[index];
}

std::vector<double> Softmax(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - top);
  std::vector<double> probabilities;
  for (float logit : logits) probabilities.push_back(std::exp(logit - top) / sum);
  return probabilities;
}

std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count) {
  const std::vector<double> probabilities = Softmax(logits);
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(count), order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<ClassProbability> classes;
  for (size_t i = 0; i < count; ++i)
    classes.push_back({ClassNameOf(names, order[i]), order[i], probabilities[order[i]]});
  return classes;
}

}  // namespace riffle
