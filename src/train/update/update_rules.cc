#include "train/update/update_rules.h"

#include <algorithm>
#include <cmath>

namespace riffle {
namespace {

using enum Decay;
using enum UpdateKind;

// Usual constants: those of PyTorch or, for what it lacks, of the paper. RMSProp's are MindSpore's.
const std::vector<UpdateRule>& Table() {
  static const std::vector<UpdateRule> table = {
      {"sgd", kMomentum, {"velocity"}, {}, 0, kInGradient, false, true},
      {"momentum", kMomentum, {"velocity"}, {}, 0, kInGradient, false, true},
      {"nesterov", kNesterov, {"velocity"}, {}, 0, kInGradient, false, true},
      {"adam", kAdam, {"mean", "square"}, {0.9, 0.999}, 1e-8, kInGradient, false, false},
      {"adamw", kAdamW, {"mean", "square"}, {0.9, 0.999}, 1e-8, kDecoupled, false, false},
      {"nadam", kNadam, {"mean", "square"}, {0.9, 0.999}, 1e-8, kInGradient, false, false},
      {"lion", kLion, {"mean"}, {0.9, 0.99}, 0, kDecoupled, false, false},
      {"rmsprop", kRmsProp, {"square", "velocity"}, {0.9}, 1e-10, kInGradient, false, true},
      {"adagrad", kAdaGrad, {"square_sum"}, {}, 1e-10, kInGradient, false, false},
      {"lamb", kLamb, {"mean", "square"}, {0.9, 0.999}, 1e-6, kDecoupled, true, false},
      {"adan",
       kAdan,
       {"mean", "difference", "square", "gradient_before"},
       {0.98, 0.92, 0.99},
       1e-8,
       kDecoupled,
       false,
       false},
  };
  return table;
}

/// Nadam's μₜ.
double NadamMomentum(double beta, int64_t t) {
  return beta * (1 - 0.5 * std::pow(0.96, 0.004 * static_cast<double>(t)));
}

}  // namespace

std::span<const UpdateRule> UpdateRules() { return Table(); }

const UpdateRule& FindUpdateRule(std::string_view name) { return *std::ranges::find(Table(), name, &UpdateRule::name); }

void SetTime(int64_t update, UpdateStep* step) {
  step->is_first = update == 1;
  for (size_t i = 0; i < step->betas.size(); ++i)
    step->corrections[i] = 1 - std::pow(step->betas[i], static_cast<double>(update));
  if (step->kind != kNadam) return;
  const double beta = step->betas[0];
  step->nadam_now = NadamMomentum(beta, update);
  step->nadam_next = NadamMomentum(beta, update + 1);
  step->nadam_product = 1;  // each factor is below 1: after some dozens 1 − product is 1
  for (int64_t t = 1; t <= update && step->nadam_product > 1e-20; ++t) step->nadam_product *= NadamMomentum(beta, t);
}

}  // namespace riffle
