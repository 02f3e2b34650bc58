// Its backward is proven with each convolution's, where its gradients are used (depthwise_conv_test.cc and others).
#include "ops/batch_norm/batch_norm.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct BatchNorm : ::testing::Test {
  BatchNormShape shape{.channels = 1, .pixels = 5, .eps = 0.75, .momentum = 0.875};
  const double gamma[2] = {3, 30}, beta[2] = {7, 70};
  double mean[2] = {16, 160}, variance[2] = {3.25, 24.25};
  double scale = 0, shift = 0;
  BatchNormForward<double> forward{&scale, &shift, nullptr, gamma, beta, mean, variance, nullptr};
};

TEST_F(BatchNorm, TrainingNormalisesByTheMomentsAndMovesTheRunningStatistics) {
  const Moments<double> moments = {2, 8.25};
  forward.moments = &moments;
  ReferenceOps<double>().batch_norm_forward(OnThreads(), shape, forward);
  EXPECT_EQ(scale, 1);        // 3 / sqrt(8.25 + 0.75)
  EXPECT_EQ(shift, 7 - 2);    // beta − mean·scale
  EXPECT_EQ(mean[0], 14.25);  // 7/8·16 + 1/8·2
  EXPECT_DOUBLE_EQ(variance[0], 0.875 * 3.25 + 0.125 * 8.25 * 5 / 4) << "unbiased";
}

TEST_F(BatchNorm, EvaluationNormalisesByTheRunningStatisticsAndLeavesThemAlone) {
  ReferenceOps<double>().batch_norm_forward(OnThreads(), shape, forward);
  EXPECT_EQ(scale, 1.5);  // 3 / sqrt(3.25 + 0.75)
  EXPECT_EQ(shift, 7 - 24);
  EXPECT_EQ(mean[0], 16);
  EXPECT_EQ(variance[0], 3.25);
}

TEST_F(BatchNorm, ARowMayHaveAnotherRowsParameters) {
  const int row = 1;
  forward.parameter_row = &row;
  ReferenceOps<double>().batch_norm_forward(OnThreads(), shape, forward);
  EXPECT_EQ(scale, 6);  // 30 / sqrt(24.25 + 0.75)
  EXPECT_EQ(shift, 70 - 960);
}

TEST_F(BatchNorm, ASinglePixelHasNoSpreadAndBreaksNothing) {
  const Moments<double> moments = {2, 0};
  forward.moments = &moments;
  shape.pixels = 1;
  ReferenceOps<double>().batch_norm_forward(OnThreads(), shape, forward);
  EXPECT_EQ(variance[0], 0.875 * 3.25);
}

}  // namespace
}  // namespace riffle
