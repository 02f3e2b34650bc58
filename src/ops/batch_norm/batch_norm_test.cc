// Its backward in one process is proven with each convolution's, where its gradients are used (depthwise_conv_test.cc
// and others).
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

// Two processes with half of the pixels each, a = {1, 4} and {7, 10, 3}, dz = {1, 0} and {2, −1, 4}; mean 5.
TEST(BatchNormBackward, OfProcessesThatShareABatchPullsBackBySumsOfAllAndGivesEachItsShareOfTheParametersGradients) {
  const BatchNormShape shape{.channels = 1, .pixels = 5, .eps = 6};
  const Moments<double> moments = {.mean = 5, .variance = 10};
  const double gamma = 8;
  const GradientSums<double> first = {.dz = 1, .dz_centred = 1 * -4 + 0 * -1};
  const GradientSums<double> second = {.dz = 5, .dz_centred = 2 * 2 + -1 * 5 + 4 * -2};
  const GradientSums<double> all = {.dz = first.dz + second.dz, .dz_centred = first.dz_centred + second.dz_centred};
  for (const GradientSums<double>& own : {first, second, all}) {
    PullBack<double> pull_back;
    double dgamma, dbeta;
    ReferenceOps<double>().batch_norm_backward(OnThreads(), shape,
                                               {.pull_back = &pull_back,
                                                .dgamma = &dgamma,
                                                .dbeta = &dbeta,
                                                .sums = &all,
                                                .own_sums = &own,
                                                .moments = &moments,
                                                .gamma = &gamma});
    EXPECT_EQ(dgamma, own.dz_centred / 4);  // sqrt(10 + 6)
    EXPECT_EQ(dbeta, own.dz);
    EXPECT_EQ(pull_back.dz_factor, 2);  // gamma / 4
    // da = 2·(dz − 6/5 − (a − 5)/4 · −13/4 / 5)
    EXPECT_DOUBLE_EQ(pull_back.raw_factor, 2.0 * 13 / (4 * 4 * 5));
    EXPECT_DOUBLE_EQ(pull_back.constant, -2 * 6.0 / 5 - 5 * 2.0 * 13 / (4 * 4 * 5));
  }
}

}  // namespace
}  // namespace riffle
