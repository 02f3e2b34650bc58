// One step of an optimizer: the update rule of step.kind, applied to ranges of the flat arenas of parameters, gradients
// and what the rule remembers of each weight, its slots. The formulas stand in rules.h, one for all backends.
#pragma once

#include <array>
#include <cstdint>

namespace riffle {

enum class UpdateKind { kMomentum, kNesterov, kAdam, kAdamW, kNadam, kLion, kRmsProp, kAdaGrad, kLamb, kAdan };

inline constexpr int kMaxSlots = 4;

/// The numbers of one step that all parameters share. They lie in the device's memory: they change from step to step,
/// while the call that is recorded does not (backend/recordings.h).
struct UpdateStep {
  UpdateKind kind = UpdateKind::kMomentum;
  double lr = 0;
  double momentum = 0;                     ///< μ
  std::array<double, 3> betas = {};        ///< β₁, β₂, β₃
  std::array<double, 3> corrections = {};  ///< 1 − βᵗ of each: what divides an average that started at 0
  double eps = 0;
  double nadam_now = 0, nadam_next = 0;  ///< Nadam: μₜ and μₜ₊₁
  double nadam_product = 0;              ///< Nadam: Πₜ = μ₁·…·μₜ
  bool is_first = false;                 ///< t = 1
};

/// Some values of a parameter, and its policy. Of a rule with norms, Lamb, a range is a whole parameter; of the others,
/// any piece of one.
struct UpdateRange {
  int64_t begin = 0, size = 0;  ///< in the arenas
  double weight_decay = 0;
  double lr_scale = 1;  ///< share of the learning rate
};

template <class T>
struct Update {
  const UpdateStep* step = nullptr;  ///< where ops read it, as all else here
  T* parameters = nullptr;
  const T* gradients = nullptr;
  std::array<T*, kMaxSlots> slots = {};  ///< in the order of the rule's arguments; they start at 0
  const UpdateRange* ranges = nullptr;
  int64_t range_count = 0;
};

}  // namespace riffle
