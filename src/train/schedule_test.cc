#include "train/schedule.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

Options Base() {
  Options options;
  options.lr = 0.4;
  options.min_lr = 0.1;
  options.warmup_epochs = 2;
  options.decay_epochs = 4;
  options.scheduler = "cosine_decay";
  return options;
}

TEST(Schedule, WarmUpThenCosine) {
  const Options o = Base();
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
  Options o = Base();
  o.warmup_factor = 0.5;
  EXPECT_DOUBLE_EQ(LearningRate(o, 0, 10), 0.2);
  EXPECT_DOUBLE_EQ(LearningRate(o, 10, 10), 0.3);
}

TEST(Schedule, StairsHoldTheRateWithinAnEpoch) {
  Options o = Base();
  o.lr_epoch_stair = true;
  EXPECT_DOUBLE_EQ(LearningRate(o, 19, 10), LearningRate(o, 10, 10));
  EXPECT_NE(LearningRate(o, 19, 10), LearningRate(o, 20, 10));
}

TEST(Schedule, ConstantStaysAtLrAfterTheWarmUp) {
  Options o = Base();
  o.scheduler = "constant";
  EXPECT_DOUBLE_EQ(LearningRate(o, 10, 10), 0.2);
  EXPECT_DOUBLE_EQ(LearningRate(o, 500, 10), 0.4);
}

}  // namespace
}  // namespace riffle
