// Schedules against tables: by hand where the numbers are round, else computed apart from the code, as MindCV and
// PyTorch write them: step by step, in powers of a half, exponentials, squared cosines.
#include "train/update/schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace riffle {
namespace {

ScheduleOptions Base() {
  ScheduleOptions options;
  options.epoch_size = 10;
  options.lr = 0.4;
  options.min_lr = 0.1;
  options.warmup_epochs = 2;
  options.decay_epochs = 4;
  options.schedule = &FindSchedule("cosine_decay");
  return options;
}

// Four steps an epoch, ten epochs.
void ExpectRates(const ScheduleOptions& options, const std::map<int, double>& expected) {
  for (const auto& [step, rate] : expected)
    EXPECT_NEAR(LearningRate(options, step, 4), rate, 1e-14) << options.schedule->name << " at step " << step;
}

TEST(Schedule, WarmUpThenCosine) {
  const ScheduleOptions o = Base();
  // By hand, 10 steps an epoch: linear to 0.4 in 20 steps, then ½·0.3·(1 + cos) above 0.1 over 40 steps.
  EXPECT_DOUBLE_EQ(LearningRate(o, 0, 10), 0);
  EXPECT_DOUBLE_EQ(LearningRate(o, 5, 10), 0.1);
  EXPECT_DOUBLE_EQ(LearningRate(o, 20, 10), 0.4);
  EXPECT_NEAR(LearningRate(o, 30, 10), 0.1 + 0.15 * (1 + 0.70710678118654752), 1e-15);
  EXPECT_NEAR(LearningRate(o, 40, 10), 0.25, 1e-15);
  EXPECT_NEAR(LearningRate(o, 60, 10), 0.1, 1e-15);
  EXPECT_NEAR(LearningRate(o, 1000, 10), 0.1, 1e-15);
}

TEST(Schedule, WarmUpStartsAtItsFactor) {
  ScheduleOptions o = Base();
  o.warmup_factor = 0.5;
  EXPECT_DOUBLE_EQ(LearningRate(o, 0, 10), 0.2);
  EXPECT_DOUBLE_EQ(LearningRate(o, 10, 10), 0.3);
}

TEST(Schedule, StairsHoldTheRateWithinAnEpoch) {
  for (const Schedule& schedule : Schedules()) {
    ScheduleOptions o = Base(), stairs = o;
    o.schedule = stairs.schedule = &schedule;
    stairs.lr_epoch_stair = true;
    for (int step = 0; step < 100; ++step)
      EXPECT_EQ(LearningRate(stairs, step, 10), LearningRate(o, step / 10 * 10, 10)) << schedule.name << " at " << step;
  }
}

TEST(Schedule, DependsOnTheOptionsThatItNamesAndOnNoOther) {
  const auto change = [](std::string_view option, ScheduleOptions o) {
    EXPECT_TRUE(option == "min_lr" || option == "decay_epochs" || option == "decay_rate" || option == "num_cycles" ||
                option == "cycle_decay" || option == "multi_step_decay_milestones")
        << "no change is known for " << option;
    if (option == "min_lr") o.min_lr = 0.05;
    if (option == "decay_epochs") o.decay_epochs = 3;
    if (option == "decay_rate") o.decay_rate = 0.25;
    if (option == "num_cycles") o.num_cycles = 1;
    if (option == "cycle_decay") o.cycle_decay = 0.5;
    if (option == "multi_step_decay_milestones") o.multi_step_decay_milestones = {5};
    return o;
  };
  std::set<std::string_view> named;
  for (const Schedule& schedule : Schedules()) named.insert(schedule.options.begin(), schedule.options.end());
  named.erase("");
  for (const Schedule& schedule : Schedules())
    for (const std::string_view option : named) {
      ScheduleOptions o = Base();
      o.schedule = &schedule;
      o.decay_rate = 0.5;
      o.num_cycles = 2;
      o.multi_step_decay_milestones = {2};
      const ScheduleOptions changed = change(option, o);
      bool differs = false;
      for (int step = 0; step < 40; ++step) differs |= LearningRate(o, step, 4) != LearningRate(changed, step, 4);
      EXPECT_EQ(differs, schedule.Uses(option)) << schedule.name << " with another " << option;
    }
}

TEST(Schedule, Constant) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("constant");
  ExpectRates(o, {{0, 0}, {3, 0.15}, {8, 0.4}, {39, 0.4}});
}

TEST(Schedule, CosineHasTwoNames) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("warmup_cosine_decay");
  for (int step = 0; step < 40; ++step) EXPECT_EQ(LearningRate(o, step, 4), LearningRate(Base(), step, 4));
}

TEST(Schedule, Cosine) {
  ExpectRates(Base(), {{8, 0.4},
                       {9, 0.397117792060485},
                       {12, 0.356066017177982},
                       {19, 0.16666446504706},
                       {20, 0.143933982822018},
                       {24, 0.1},
                       {39, 0.1}});
}

TEST(Schedule, CosineCyclesRestartLower) {
  ScheduleOptions o = Base();
  o.decay_epochs = 3;
  o.num_cycles = 2;
  o.cycle_decay = 0.5;
  ExpectRates(o, {{8, 0.4},
                  {9, 0.39488887394336},
                  {12, 0.325},
                  {19, 0.10511112605664},
                  {20, 0.2},
                  {24, 0.175},
                  {32, 0.1},
                  {39, 0.1}});
}

TEST(Schedule, Linear) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("linear_decay");
  ExpectRates(o, {{3, 0.15}, {8, 0.4}, {9, 0.38125}, {12, 0.325}, {20, 0.175}, {24, 0.1}, {39, 0.1}});
}

TEST(Schedule, Polynomial) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("polynomial_decay");
  o.decay_rate = 2;
  ExpectRates(o, {{8, 0.4}, {9, 0.363671875}, {12, 0.26875}, {19, 0.129296875}, {24, 0.1}, {39, 0.1}});
}

TEST(Schedule, Exponential) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("exponential_decay");
  o.decay_rate = 0.5;
  ExpectRates(o, {{3, 0.15}, {8, 0.4}, {9, 0.336358566101486}, {12, 0.2}, {20, 0.05}, {39, 0.001858136117192}});
}

TEST(Schedule, Step) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("step_decay");
  o.decay_rate = 0.5;
  o.decay_epochs = 3;
  ExpectRates(o, {{3, 0.15}, {8, 0.4}, {19, 0.4}, {20, 0.2}, {31, 0.2}, {32, 0.1}, {39, 0.1}});
}

TEST(Schedule, MultiStepCountsItsMilestonesAfterTheWarmUp) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("multi_step_decay");
  o.decay_rate = 0.5;
  o.multi_step_decay_milestones = {1, 6};
  ExpectRates(o, {{3, 0.15}, {8, 0.4}, {11, 0.4}, {12, 0.2}, {31, 0.2}, {32, 0.1}, {39, 0.1}});
}

TEST(Schedule, OneCycle) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("one_cycle");
  ExpectRates(o, {{0, 0.016},
                  {3, 0.082266739082505},
                  {8, 0.333733260917495},
                  {9, 0.369520678303587},
                  {11, 0.4},
                  {12, 0.399056831483986},
                  {19, 0.34352347027881},
                  {32, 0.143933982822018},
                  {39, 0.1},
                  {99, 0.1}});
  o.epoch_size = 1;
  for (int step = 0; step < 2; ++step) EXPECT_GT(LearningRate(o, step, 2), 0) << "a run of two steps";
}

TEST(Schedule, CyclicIsTriangles) {
  ScheduleOptions o = Base();
  o.schedule = &FindSchedule("cyclic");
  o.num_cycles = 2;
  o.cycle_decay = 0.75;
  ExpectRates(o, {{0, 0.1},
                  {3, 0.19},
                  {8, 0.34},
                  {10, 0.4},
                  {12, 0.34},
                  {19, 0.13},
                  {20, 0.1},
                  {24, 0.18},
                  {30, 0.3},
                  {39, 0.12}});
}

}  // namespace
}  // namespace riffle
