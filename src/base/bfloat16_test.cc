#include "base/bfloat16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace riffle {
namespace {

float Rounded(float value) { return static_cast<float>(Bfloat16(value)); }

TEST(Bfloat16, KeepsEightBitsAndRoundsToTheNearestTiesToEven) {
  EXPECT_EQ(Rounded(1), 1);
  EXPECT_EQ(Rounded(-0.15625F), -0.15625F);
  EXPECT_EQ(Rounded(1 + 0x1p-8F), 1) << "a tie goes to the even one";
  EXPECT_EQ(Rounded(1 + 0x1.8p-7F), 1 + 0x1p-6F) << "a tie goes to the even one";
  EXPECT_EQ(Rounded(1 + 0x1.1p-8F), 1 + 0x1p-7F);
  EXPECT_EQ(Rounded(0x1.FFp127F), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::signbit(Rounded(-0.0F)));
}

TEST(Bfloat16, ANaNStaysOneAndAnInfinityItself) {
  EXPECT_TRUE(std::isnan(Rounded(std::bit_cast<float>(0x7F800001U)))) << "a NaN with bits in the lower half alone";
  EXPECT_EQ(Rounded(-std::numeric_limits<float>::infinity()), -std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace riffle
