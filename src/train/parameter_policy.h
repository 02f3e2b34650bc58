// What the options make of each parameter: how strongly weight decay pulls at it, and its share of the learning rate.
#pragma once

#include <string_view>
#include <vector>

#include "model/parameters.h"
#include "train/options.h"

namespace riffle {

struct ParameterPolicy {
  double weight_decay = 0;
  double lr_scale = 1;  ///< share of the learning rate; 0: the optimizer leaves the parameter as it is

  bool operator==(const ParameterPolicy&) const = default;
};

/// One for each trainable parameter, in the registry's order, from `weight_decay`, `weight_decay_filter`, `layer_decay`
/// and `freeze`:
///   weight_decay  0 where the filter spares the parameter
///   lr_scale      layer_decay^(layers above it): 1 for the head, smallest for the stem; a unit is one layer, as is a
///                 block in timm's param_groups_layer_decay. 0 for everything below the head if the body is frozen
std::vector<ParameterPolicy> ParameterPolicies(const ParameterRegistry& registry, const Options& options);

}  // namespace riffle
