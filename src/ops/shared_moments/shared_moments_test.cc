// Moments of shared batches on each backend: what processes add up are the moments of all their pixels.
#include "ops/shared_moments/shared_moments.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "ops/testing/compare.h"

namespace riffle {
namespace {

class SharedMoments : public testing::TestWithParam<const OpTable<float>*> {
 protected:
  /// Of a row, over shares of its pixels.
  Moments<float> Combined(const std::vector<std::pair<int64_t, Moments<float>>>& shares) const {
    PowerSums all = {};
    int64_t pixels = 0;
    for (const auto& [own_pixels, own] : shares) {
      PowerSums sums = {NAN, NAN};
      ops_.sums_of_moments(OnThreads(), {1, own_pixels}, {.sums = &sums, .moments = &own});
      all = {all.values + sums.values, all.squares + sums.squares};
      pixels += own_pixels;
    }
    Moments<float> moments = {NAN, NAN};
    ops_.moments_of_sums(OnThreads(), {1, pixels}, {.moments = &moments, .sums = &all});
    return moments;
  }
  const OpTable<float>& ops_ = *GetParam();
};
std::string BackendName(const testing::TestParamInfo<const OpTable<float>*>& ops) {
  return std::array{"cpu", "reference", "cards"}[ops.index];
}
INSTANTIATE_TEST_SUITE_P(, SharedMoments, testing::Values(&CpuOps(), &ReferenceOps<float>(), &emulated::Ops()),
                         BackendName);

TEST_P(SharedMoments, AreThoseOfAllPixelsAndLeaveOutWhoHasNone) {
  // Of 0, 2 and of 4, 4, 4, 8.
  const Moments<float> all = Combined({{2, {1, 1}}, {0, {NAN, NAN}}, {4, {5, 3}}});
  EXPECT_FLOAT_EQ(all.mean, 22.0f / 6);
  EXPECT_FLOAT_EQ(all.variance, (0 + 4 + 3 * 16 + 64) / 6.0f - 22.0f / 6 * 22 / 6);
}

TEST_P(SharedMoments, OfOneProcessKeepTheirBits) {
  for (const Moments<float> own : {Moments<float>{0.1f, 1.0f / 3}, {-700.1f, 0.3f}, {1e-3f, 7e8f}, {3, 0}}) {
    const Moments<float> all = Combined({{12345, own}});
    EXPECT_EQ(all.mean, own.mean);
    EXPECT_EQ(all.variance, own.variance);
  }
}

// Rounding may leave less than nothing of the variance of a constant.
TEST_P(SharedMoments, HaveNoNegativeVariance) {
  for (int i = 1; i < 200; ++i) {
    const float mean = 1.0f / static_cast<float>(i);
    EXPECT_GE(Combined({{3, {mean, 0}}, {7, {mean, 0}}}).variance, 0) << i;
  }
}

TEST_P(SharedMoments, AreMadeForEachRow) {
  for (const int rows : {1, 33, 1000}) {
    std::vector<Moments<float>> own, all(rows);
    for (int row = 0; row < rows; ++row) own.push_back({static_cast<float>(row), static_cast<float>(2 * row + 1)});
    std::vector<PowerSums> sums(rows);
    ops_.sums_of_moments(OnThreads(), {rows, 10}, {.sums = sums.data(), .moments = own.data()});
    ops_.moments_of_sums(OnThreads(), {rows, 10}, {.moments = all.data(), .sums = sums.data()});
    for (int row = 0; row < rows; ++row) {
      EXPECT_EQ(all[row].mean, own[row].mean);
      EXPECT_EQ(all[row].variance, own[row].variance);
    }
  }
}

}  // namespace
}  // namespace riffle
