// The update rules: how each optimizer turns gradients into a step. A rule is one row: its name, what it remembers of
// each weight, its usual constants, and the kind of the op `update` whose formula it is (ops/update/rules.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ops/update/update.h"

namespace riffle {

enum class Decay { kInGradient, kDecoupled };

struct UpdateRule {
  std::string_view name;
  UpdateKind kind;
  std::vector<std::string_view> slots;
  std::vector<double> betas;  ///< usual values; how many the rule has
  double eps;                 ///< usual value
  Decay decay;                ///< L2 in the gradient, or a pull at the weights beside it
  bool whole_parameter;       ///< it needs all values of a parameter at once, not any piece of them
  bool uses_momentum;
};

std::span<const UpdateRule> UpdateRules();

/// REQUIRES: there is a rule of this name.
const UpdateRule& FindUpdateRule(std::string_view name);

/// Sets what depends on time: the numbers of step `update` (from 1) of the run, functions of it and of step->betas.
void SetTime(int64_t update, UpdateStep* step);

}  // namespace riffle
