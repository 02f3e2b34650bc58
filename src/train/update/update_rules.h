// The update rules: how each optimizer turns gradients into a step. A rule is one row: its name, what it remembers of
// each weight, its usual constants, its formula.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace riffle {

inline constexpr int kMaxSlots = 4;

/// The numbers of one step for one parameter.
struct UpdateConstants {
  int64_t update = 1;  ///< steps of the run, this one included: bias correction is a function of it
  double lr = 0;
  double weight_decay = 0;
  double momentum = 0;
  std::array<double, 3> betas = {};
  double eps = 0;
};

/// The values that a rule works on: `size` of each.
struct UpdateValues {
  int64_t size = 0;
  const float* gradient = nullptr;
  float* parameter = nullptr;
  std::array<float*, kMaxSlots> slots = {};  ///< in the order of the row's names; they start at 0
};

enum class Decay { kInGradient, kDecoupled };

struct UpdateRule {
  std::string_view name;
  std::vector<std::string_view> slots;
  std::vector<double> betas;  ///< usual values; how many the rule has
  double eps;                 ///< usual value
  Decay decay;                ///< L2 in the gradient, or a pull at the weights beside it
  bool whole_parameter;       ///< it needs all values of a parameter at once, not any piece of them
  bool uses_momentum;
  void (*apply)(const UpdateConstants&, const UpdateValues&);
};

/// Formulas stand with the functions, in update_rules.cc; p is the weight, g its gradient, t the update.
std::span<const UpdateRule> UpdateRules();

/// REQUIRES: there is a rule of this name.
const UpdateRule& FindUpdateRule(std::string_view name);

}  // namespace riffle
