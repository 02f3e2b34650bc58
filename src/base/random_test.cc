#include "base/random.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace riffle {
namespace {

TEST(Philox, GivesThePublishedKnownAnswers) {
  // Random123 1.14, tests/kat_vectors, philox4x32 10.
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}), (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, DependsOnEveryPartOfItsPlaceAndOnNothingElse) {
  auto first = [](uint64_t seed, RandomPurpose purpose, uint32_t epoch, uint32_t index) {
    return RandomStream(seed, purpose, epoch, index).Bits();
  };
  const uint32_t base = first(42, RandomPurpose::kTest, 3, 7);
  EXPECT_EQ(base, first(42, RandomPurpose::kTest, 3, 7));
  std::set<uint32_t> all{base,
                         first(43, RandomPurpose::kTest, 3, 7),
                         first(42, RandomPurpose::kMix, 3, 7),
                         first(42, RandomPurpose::kTest, 4, 7),
                         first(42, RandomPurpose::kTest, 3, 8),
                         first(42 + (uint64_t{1} << 32), RandomPurpose::kTest, 3, 7)};
  EXPECT_EQ(all.size(), 6u);
}

TEST(RandomStream, SkipsAsManyCallsAsItIsTold) {
  for (int before = 0; before < 6; ++before)
    for (const uint64_t skipped : {0, 1, 2, 3, 4, 5, 7, 8, 1001}) {
      RandomStream called(5, RandomPurpose::kTest, 1, 2), skips = called;
      for (int i = 0; i < before; ++i) EXPECT_EQ(called.Bits(), skips.Bits());
      for (uint64_t i = 0; i < skipped; ++i) called.Bits();
      skips.Skip(skipped);
      for (int i = 0; i < 6; ++i) EXPECT_EQ(called.Bits(), skips.Bits()) << before << " " << skipped << " " << i;
    }
}

TEST(RandomStream, HasTheMomentsOfItsDistributions) {
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  const int n = 100000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  std::vector<int> dice(6);
  for (int i = 0; i < n; ++i) {
    const double u = random.Uniform(), z = random.Normal();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += u;
    normal_sum += z;
    normal_squares += z * z;
    ++dice[random.Below(6)];
  }
  EXPECT_NEAR(sum / n, 0.5, 0.005);  // 5 standard errors
  EXPECT_NEAR(normal_sum / n, 0, 0.016);
  EXPECT_NEAR(normal_squares / n, 1, 0.023);
  for (int count : dice) EXPECT_NEAR(count, n / 6.0, 600);
}

TEST(RandomStream, BetaFollowsItsDistributionFunction) {
  struct Case {
    double a, b, x, below;  // below: the probability of less than x
  };
  // By hand: uniform, arcsine (2/π asin √x), 3x² − 2x³, x².
  const Case cases[] = {{1, 1, 0.3, 0.3}, {0.5, 0.5, 0.25, 1.0 / 3}, {2, 2, 0.25, 0.15625}, {2, 1, 0.7, 0.49}};
  const int n = 100000;
  for (const Case& c : cases) {
    RandomStream random(1, RandomPurpose::kTest, 0, 0);
    double sum = 0;
    int below = 0;
    for (int i = 0; i < n; ++i) {
      const double x = random.Beta(c.a, c.b);
      sum += x;
      below += x < c.x;
    }
    EXPECT_NEAR(sum / n, c.a / (c.a + c.b), 0.006) << c.a << ", " << c.b;  // 5 standard errors
    EXPECT_NEAR(below / double(n), c.below, 0.008) << c.a << ", " << c.b;
  }
}

TEST(RandomStream, BetaOfATinyShapeIsNearlyACoin) {
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  int low = 0, high = 0;
  for (int i = 0; i < 1000; ++i) {
    const double x = random.Beta(1e-4, 1e-4);
    low += x < 1e-6;
    high += x > 1 - 1e-6;
  }
  EXPECT_GT(low + high, 990);
  EXPECT_NEAR(low, 500, 80);
}

}  // namespace
}  // namespace riffle
