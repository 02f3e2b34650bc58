#include "train/update/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace riffle {
namespace {

using Position = SchedulePosition;

/// Half a cosine from `from`, at share 0, to `to`, at share 1.
double HalfCosine(double from, double to, double share) {
  return to + 0.5 * (from - to) * (1 + std::cos(std::numbers::pi * share));
}

double Constant(const ScheduleOptions& o, const Position&) { return o.lr; }

double Cosine(const ScheduleOptions& o, const Position& at) {
  const double cycle = std::floor(at.epoch / o.decay_epochs);
  if (cycle >= o.num_cycles) return o.min_lr;
  return HalfCosine(o.lr * std::pow(o.cycle_decay, cycle), o.min_lr, at.epoch / o.decay_epochs - cycle);
}

double Exponential(const ScheduleOptions& o, const Position& at) { return o.lr * std::pow(o.decay_rate, at.epoch); }

double Step(const ScheduleOptions& o, const Position& at) {
  return o.lr * std::pow(o.decay_rate, std::floor(at.epoch / o.decay_epochs));
}

double MultiStep(const ScheduleOptions& o, const Position& at) {
  const auto passed = std::ranges::count_if(o.multi_step_decay_milestones, [&](double m) { return m <= at.epoch; });
  return o.lr * std::pow(o.decay_rate, static_cast<double>(passed));
}

double Power(const ScheduleOptions& o, const Position& at, double power) {
  const double left = 1 - std::min<double>(at.epoch, o.decay_epochs) / o.decay_epochs;
  return o.min_lr + (o.lr - o.min_lr) * std::pow(left, power);
}

double Polynomial(const ScheduleOptions& o, const Position& at) { return Power(o, at, o.decay_rate); }

double Linear(const ScheduleOptions& o, const Position& at) { return Power(o, at, 1); }

double OneCycle(const ScheduleOptions& o, const Position& at) {
  constexpr double kRisingShare = 0.3, kStartDivisor = 25;  // PyTorch's
  const double top = kRisingShare * at.total_steps - 1;
  if (at.step <= top) return HalfCosine(o.lr / kStartDivisor, o.lr, at.step / top);
  return HalfCosine(o.lr, o.min_lr, std::min(1.0, (at.step - top) / (at.total_steps - 1 - top)));
}

double Cyclic(const ScheduleOptions& o, const Position& at) {
  const double cycles = at.step / at.total_steps * o.num_cycles, cycle = std::floor(cycles);
  const double height = 1 - std::abs(2 * (cycles - cycle) - 1);
  return o.min_lr + (o.lr * std::pow(o.cycle_decay, cycle) - o.min_lr) * height;
}

int AllEpochs(int, int epochs) { return epochs; }

int OneOfItsCycles(int num_cycles, int epochs) { return std::max(1, epochs / num_cycles); }

int AThird(int, int epochs) { return (epochs + 2) / 3; }

constexpr std::array<std::string_view, 4> kCosine = {"min_lr", "decay_epochs", "num_cycles", "cycle_decay"};

constexpr Schedule kSchedules[] = {
    {"constant", true, {}, AllEpochs, Constant},
    {"cosine_decay", true, kCosine, OneOfItsCycles, Cosine},
    {"warmup_cosine_decay", true, kCosine, OneOfItsCycles, Cosine},  // MindCV's name of it until 2023
    {"exponential_decay", true, {"decay_rate"}, AllEpochs, Exponential},
    {"step_decay", true, {"decay_epochs", "decay_rate"}, AThird, Step},
    {"multi_step_decay", true, {"multi_step_decay_milestones", "decay_rate"}, AllEpochs, MultiStep},
    {"polynomial_decay", true, {"min_lr", "decay_epochs", "decay_rate"}, AllEpochs, Polynomial},
    {"linear_decay", true, {"min_lr", "decay_epochs"}, AllEpochs, Linear},
    {"one_cycle", false, {"min_lr"}, AllEpochs, OneCycle},
    {"cyclic", false, {"min_lr", "num_cycles", "cycle_decay"}, AllEpochs, Cyclic},
};

}  // namespace

bool Schedule::Uses(std::string_view option) const { return std::ranges::count(options, option) > 0; }

std::span<const Schedule> Schedules() { return kSchedules; }

const Schedule& FindSchedule(std::string_view name) { return *std::ranges::find(kSchedules, name, &Schedule::name); }

double LearningRate(const ScheduleOptions& options, int64_t step, int64_t steps_per_epoch) {
  const Schedule& schedule = *options.schedule;
  if (options.lr_epoch_stair) step -= step % steps_per_epoch;
  const double epoch = static_cast<double>(step) / static_cast<double>(steps_per_epoch);
  const double warmup = schedule.warms_up ? options.warmup_epochs : 0;
  if (epoch < warmup) return options.lr * (options.warmup_factor + (1 - options.warmup_factor) * epoch / warmup);
  return schedule.rate(options, {.epoch = epoch - warmup,
                                 .step = static_cast<double>(step),
                                 .total_steps = static_cast<double>(steps_per_epoch) * options.epoch_size});
}

}  // namespace riffle
