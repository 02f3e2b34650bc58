// What the cpu backend promises beyond the reference's values: statistics that stay accurate where single precision is
// scarce.
#include "ops/cpu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backend/target.h"
#include "backend/testing/execution.h"
#include "ops/testing/map.h"

namespace riffle {
namespace {

/// Values around `mean` with standard deviation 1/√3.
GuardedMap<float> NoiseAround(double mean, int64_t rows, int64_t pixels) {
  Draw draw(Values::kExact);
  return GuardedMap<float>(rows, pixels, [&] { return mean + draw.Real(); });
}

Moments<double> ExactMoments(const float* row, int64_t pixels) {
  double mean = 0, variance = 0;
  for (int64_t p = 0; p < pixels; ++p) mean += row[p] / static_cast<double>(pixels);
  for (int64_t p = 0; p < pixels; ++p) variance += (row[p] - mean) * (row[p] - mean) / static_cast<double>(pixels);
  return {mean, variance};
}

TEST(CpuMoments, KeepTheVarianceWhereTheMeanIsTenThousandTimesTheDeviation) {
  // The kernel of an identity: what is stored has no borders, its statistics are those of the input.
  const DepthwiseConvShape shape = {2, {5, 28, 28}, 1};
  const float identity[18] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
  const int64_t pixels = shape.in.pixels();
  for (const std::string& target : AvailableTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(ForceTarget(target).ok());
    GuardedMap<float> x = NoiseAround(5000, 2, pixels), y(2, pixels);
    std::vector<Moments<float>> moments(2);
    CpuOps().depthwise_conv_forward(OnThreads(), shape,
                                    {y.rows(), x.rows(), {}, identity, nullptr, {}, moments.data()});
    for (int r = 0; r < 2; ++r) {
      const Moments<double> exact = ExactMoments(x[r], pixels);
      EXPECT_NEAR(moments[r].mean, exact.mean, 5000 * 0x1p-24);
      EXPECT_NEAR(moments[r].variance, exact.variance, 1e-5 * exact.variance);
    }
  }
  ASSERT_TRUE(ForceTarget("").ok());
}

TEST(CpuMoments, OfAConstantRowAreExact) {
  const StemConvShape shape = {1, 1, {3, 17, 9}, 1};
  const std::vector<float> weight(9, 0.0f);
  const float bias = 0.1f;
  for (const std::string& target : AvailableTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(ForceTarget(target).ok());
    GuardedMap<float> x = NoiseAround(0, 1, shape.in.pixels()), y(1, shape.in.pixels());
    Moments<float> moments{};
    CpuOps().stem_conv_forward(OnThreads(), shape, {y.rows(), x.rows(), weight.data(), &bias, false, &moments});
    EXPECT_EQ(moments.mean, bias);
    EXPECT_EQ(moments.variance, 0);
  }
  ASSERT_TRUE(ForceTarget("").ok());
}

}  // namespace
}  // namespace riffle
