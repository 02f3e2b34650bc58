// What the options make of each parameter: how strongly weight decay pulls at it, and its share of the learning rate.
#pragma once

#include <vector>

#include "model/parameters.h"

namespace riffle {

/// The options weight_decay, weight_decay_filter, layer_decay and freeze.
struct PolicyOptions {
  double weight_decay = 1e-6;
  bool decays_norms = true;  ///< whether weight decay pulls at batch norm's gamma and beta, and the head's bias
  double layer_decay = 1;
  bool freezes_body = false;
};

/// What they make of one parameter.
struct ParameterPolicy {
  double weight_decay = 0;
  double lr_scale = 1;  ///< share of the learning rate; 0: the optimizer leaves the parameter as it is

  bool operator==(const ParameterPolicy&) const = default;
};

/// One for each trainable parameter, in the registry's order:
///   weight_decay  0 where batch norm is spared
///   lr_scale      layer_decay^(layers above it): 1 for the head, smallest for the stem; a unit is one layer, as
///                 a block is in timm's param_groups_layer_decay. 0 for everything below the head if the body is frozen
std::vector<ParameterPolicy> ParameterPolicies(const ParameterRegistry& registry, const PolicyOptions& options);

}  // namespace riffle
