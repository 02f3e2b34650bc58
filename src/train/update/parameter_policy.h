// What the options make of each parameter: how strongly weight decay pulls at it, and its share of the learning rate.
#pragma once

#include <string_view>
#include <vector>

#include "model/parameters.h"
#include "settings/settings.h"

namespace riffle {

struct ParameterPolicy {
  double weight_decay = 0;
  double lr_scale = 1;  ///< share of the learning rate; 0: the optimizer leaves the parameter as it is

  bool operator==(const ParameterPolicy&) const = default;
};

/// One for each trainable parameter, in the registry's order, from `weight_decay`, `weight_decay_filter`, `layer_decay`
/// and `freeze`:
///   weight_decay  0 where the filter spares the parameter
///   lr_scale      layer_decay^(layers above it): 1 for the head, smallest for the stem; a unit is one layer, as a
///   block
///                 is in timm's param_groups_layer_decay. 0 for everything below the head if the body is frozen
std::vector<ParameterPolicy> ParameterPolicies(const ParameterRegistry& registry, const Options& options);

/// Whether weight decay applies to a parameter under `weight_decay_filter`: disable: to all; auto and norm_and_bias:
/// not to batch norm's gamma and beta (the network has no other biases).
bool Decays(const Parameter& parameter, std::string_view weight_decay_filter);

}  // namespace riffle
