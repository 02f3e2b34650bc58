#include "bench/statistics.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(Quantile, IsTheValueInTheMiddleWhateverTheOrder) {
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4}), 4);
}

TEST(Quantile, LiesBetweenNeighbours) {
  EXPECT_DOUBLE_EQ(Median({1, 2, 4, 8}), 3);
  EXPECT_DOUBLE_EQ(Quantile({0, 10, 20, 30, 40}, 0.9), 36);
}

TEST(Quantile, EndsAtTheExtremes) {
  EXPECT_EQ(Quantile({3, 1, 2}, 0), 1);
  EXPECT_EQ(Quantile({3, 1, 2}, 1), 3);
}

}  // namespace
}  // namespace riffle
