// Its backward is proven with the convolutions' (group_conv_test.cc), whose chains end in it.
#include "ops/residual/residual.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

TEST(Residual, AddsTheShortcutBeforeTheRelu) {
  double x[3] = {1, 2, 3}, shortcut[3] = {0.5, -8, 100}, y[3];
  const double scale = 2, shift = 1;
  const ResidualShape shape = {1, 3};
  ReferenceOps<double>().residual_forward(OnThreads(), shape, {{y, 3}, {x, 3}, &scale, &shift, {shortcut, 3}});
  EXPECT_EQ((std::vector<double>(y, y + 3)), (std::vector<double>{3.5, 0, 107}));
  ReferenceOps<double>().residual_forward(OnThreads(), shape, {{y, 3}, {x, 3}, &scale, &shift, {}});
  EXPECT_EQ((std::vector<double>(y, y + 3)), (std::vector<double>{3, 5, 7}));
}

TEST(Residual, BackwardGathersTheSumsOfBatchNorm) {
  double dz[3] = {1, 0, 10}, raw[3] = {5, 6, 7};
  const Moments<double> moments = {4, 99};
  GradientSums<double> sums;
  ReferenceOps<double>().residual_backward(OnThreads(), {1, 3}, {&sums, {dz, 3}, {raw, 3}, &moments});
  EXPECT_EQ(sums.dz, 11);
  EXPECT_EQ(sums.dz_centred, 31);
}

}  // namespace
}  // namespace riffle
