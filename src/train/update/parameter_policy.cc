#include "train/update/parameter_policy.h"

#include <cmath>
#include <string_view>

namespace riffle {
namespace {

/// "stem", "stage2.0", "head": a parameter's name without its op and what it is there.
std::string_view LayerOf(const Parameter& parameter) {
  if (parameter.head()) return "head";
  std::string_view name = parameter.name;  // "stage2.0.conv1.weight"
  for (int i = 0; i < 2; ++i) name = name.substr(0, name.rfind('.'));
  return name;
}

/// For each parameter the number of its layer, from 0 at the stem: the registry is in network order.
std::vector<int> LayerNumbers(const ParameterRegistry& registry) {
  std::vector<int> numbers;
  std::string_view layer;
  int number = -1;
  for (const Parameter& parameter : registry.trainable()) {
    if (LayerOf(parameter) != layer || number < 0) ++number;
    layer = LayerOf(parameter);
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

std::vector<ParameterPolicy> ParameterPolicies(const ParameterRegistry& registry, const PolicyOptions& options) {
  std::vector<ParameterPolicy> policies;
  const std::vector<int> layers = LayerNumbers(registry);
  for (size_t i = 0; i < layers.size(); ++i) {
    const Parameter& parameter = registry.trainable()[i];
    const bool frozen = options.freezes_body && !parameter.head();
    const double scale = std::pow(options.layer_decay, layers.back() - layers[i]);
    policies.push_back(
        {.weight_decay = options.decays_norms || !(parameter.norm() || parameter.bias()) ? options.weight_decay : 0,
         .lr_scale = frozen ? 0 : scale});
  }
  return policies;
}

}  // namespace riffle
