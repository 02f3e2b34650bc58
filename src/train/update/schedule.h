// The learning rate as a function of the step: a position, not a history, so that a resumed run goes on as if it had
// never stopped.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace riffle {

/// Where a step stands.
struct SchedulePosition {
  double epoch;              ///< epochs since the end of the warm-up, a real number
  double step, total_steps;  ///< of the run
};

struct ScheduleOptions;

/// A row of the table of schedules.
struct Schedule {
  std::string_view name;
  bool warms_up;  ///< warmup_epochs come first
  /// The options that its rate depends on, beside lr, epoch_size, the warm-up's and lr_epoch_stair; "" fills the rest.
  std::array<std::string_view, 4> options;
  /// decay_epochs where it is not set, for so many epochs (at least 1) after the warm-up.
  int (*usual_decay_epochs)(int num_cycles, int epochs);
  double (*rate)(const ScheduleOptions&, const SchedulePosition&);

  bool Uses(std::string_view option) const;
};
std::span<const Schedule> Schedules();

/// REQUIRES: there is a schedule of this name.
const Schedule& FindSchedule(std::string_view name);

/// The numbers of a run's schedule, as the options of the same names give them.
struct ScheduleOptions {
  const Schedule* schedule = &FindSchedule("cosine_decay");  ///< option scheduler
  int epoch_size = 90;                                       ///< epochs of the run
  double lr = 0.001;
  double min_lr = 1e-6;
  int warmup_epochs = 3;
  double warmup_factor = 0;
  int decay_epochs = 87;
  double decay_rate = 0.9;
  std::vector<double> multi_step_decay_milestones = {30, 60, 90};
  int num_cycles = 1;
  double cycle_decay = 1;
  bool lr_epoch_stair = false;
};

/// The rate of step `step` (from 0) of a run with `steps_per_epoch` steps: of a position, whatever lies behind it. What
/// counts are epochs that are done and the share of this one: after a resume with larger batches, step is epochs done
/// times steps_per_epoch, and not what was counted. If lr_epoch_stair is set, the rate is that of the epoch's first
/// step. With W = warmup_epochs, f = warmup_factor, E = epoch_size, D = decay_epochs, γ = decay_rate, C =
/// num_cycles, d = cycle_decay:
///   warm-up, e < W:     lr·(f + (1 − f)·e / W),  e = step / steps_per_epoch
/// then, e from 0 again:
///   constant:           lr
///   cosine_decay:       min_lr + ½·(lr·dᶜ − min_lr)·(1 + cos(π·(e − c·D) / D)),  c = ⌊e / D⌋;  min_lr after C cycles
///   exponential_decay:  lr·γᵉ
///   step_decay:         lr·γ^⌊e / D⌋
///   multi_step_decay:   lr·γⁿ,  n = how many of multi_step_decay_milestones are at most e
///   polynomial_decay:   min_lr + (lr − min_lr)·(1 − min(e, D) / D)^γ
///   linear_decay:       the same with the power 1, the paper's
/// without warm-up:
///   one_cycle:          PyTorch's OneCycleLR: cosines from lr / 25 to lr in 0.3 of the steps, then down to min_lr
///   cyclic:             C triangles from min_lr up to lr·dᶜ and back
double LearningRate(const ScheduleOptions& options, int64_t step, int64_t steps_per_epoch);

}  // namespace riffle
