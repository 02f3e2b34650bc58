// Passes over arenas: by hand on each backend, and the cpu's and the cards' bits against the reference's at sizes
// around those of the parts they go in.
#include "ops/arena/arena.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "ops/testing/compare.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

class ArenaByHand : public testing::TestWithParam<const OpTable<float>*> {
 protected:
  const OpTable<float>& ops_ = *GetParam();
};
std::string BackendName(const testing::TestParamInfo<const OpTable<float>*>& ops) {
  return std::array{"cpu", "reference", "cards"}[ops.index];
}
INSTANTIATE_TEST_SUITE_P(, ArenaByHand, testing::Values(&CpuOps(), &ReferenceOps<float>(), &emulated::Ops()),
                         BackendName);

TEST_P(ArenaByHand, AccumulateReplacesThenAdds) {
  std::vector<float> sum = {NAN, 1};
  const std::vector<float> values = {2, 3};
  ops_.accumulate(OnThreads(), 2, {.sum = sum.data(), .values = values.data(), .first = true});
  EXPECT_THAT(sum, ElementsAre(2, 3));
  ops_.accumulate(OnThreads(), 2, {.sum = sum.data(), .values = values.data(), .first = false});
  EXPECT_THAT(sum, ElementsAre(4, 6));
}

TEST_P(ArenaByHand, ApproachGoesAShareOfTheWayAndLeavesWhatHasArrivedToTheLastBit) {
  std::vector<float> average = {1, 8, 1.0f / 3};
  const std::vector<float> values = {3, -8, 1.0f / 3};
  const double share = 0.25;
  ops_.approach(OnThreads(), 3, {.average = average.data(), .values = values.data(), .share = &share});
  EXPECT_THAT(average, ElementsAre(1.5f, 4, 1.0f / 3));
}

TEST_P(ArenaByHand, SquaredNormsAreThoseOfTheRangesInDoublePrecision) {
  std::vector<float> values(1000, 1e-3f);
  values[0] = 1e3f;  // in float, nothing of the others would be left
  values[999] = 5;
  const std::vector<ArenaRange> ranges = {{0, 999}, {999, 1}, {500, 0}};
  std::vector<double> squares(3, NAN);
  ops_.squared_norms(OnThreads(), 3, {.squares = squares.data(), .values = values.data(), .ranges = ranges.data()});
  EXPECT_NEAR(squares[0] - 1e6, 998 * double{1e-3f} * 1e-3f, 1e-8);
  EXPECT_EQ(squares[1], 25);
  EXPECT_EQ(squares[2], 0);
}

TEST_P(ArenaByHand, ClipNormScalesToTheNormAndLeavesASmallerOneAlone) {
  const std::vector<double> squares = {9, 16};  // a norm of 5
  for (const auto& [max_norm, expected] : {std::pair(2.5, 3.0f), std::pair(5.0, 6.0f), std::pair(10.0, 6.0f)}) {
    std::vector<float> values = {6, -2};
    ops_.clip_norm(OnThreads(), 2,
                   {.values = values.data(), .squares = squares.data(), .square_count = 2, .max_norm = max_norm});
    EXPECT_THAT(values, ElementsAre(expected, -expected / 3)) << max_norm;
  }
}

TEST_P(ArenaByHand, AllFiniteFindsASingleValueThatIsNot) {
  std::vector<float> values(40'000, std::numeric_limits<float>::max());
  const auto all_finite = [&] {
    int32_t finite = -1;
    ops_.all_finite(OnThreads(), std::ssize(values), {.finite = &finite, .values = values.data()});
    return finite;
  };
  EXPECT_EQ(all_finite(), 1);
  for (const float bad : {NAN, INFINITY, -INFINITY})
    for (const size_t at : {size_t{0}, size_t{20'000}, values.size() - 1}) {
      const float good = std::exchange(values[at], bad);
      EXPECT_EQ(all_finite(), 0) << bad << " at " << at;
      values[at] = good;
    }
  values.clear();
  EXPECT_EQ(all_finite(), 1);
}

// Some of what the ops do, one after the other, to random values.
std::vector<float> PassesOver(int64_t count, const Execution& execution, const OpTable<float>& ops) {
  Draw draw(Values::kExact);
  GuardedMap<float> values = GuardedMap<float>::Array(count, [&] { return draw.Real(); });
  GuardedMap<float> sum = GuardedMap<float>::Array(count, [&] { return draw.Real(); });
  const std::vector<ArenaRange> ranges = {{0, count / 3}, {count / 3, count - count / 3}};
  std::vector<double> squares(2);
  ops.accumulate(execution, count, {.sum = sum.data(), .values = values.data(), .first = false});
  const double share = 0.1;
  ops.approach(execution, count, {.average = values.data(), .values = sum.data(), .share = &share});
  ops.squared_norms(execution, 2, {.squares = squares.data(), .values = values.data(), .ranges = ranges.data()});
  ops.clip_norm(execution, count,
                {.values = values.data(), .squares = squares.data(), .square_count = 2, .max_norm = 0.5});
  EXPECT_TRUE(values.Intact() && sum.Intact());
  return values.Flat();
}

TEST(Arena, HasTheBitsOfTheReferenceOnEachBackend) {
  for (const int64_t count : {1, 100, (1 << 14) - 1, 1 << 14, (1 << 14) + 1, 100'003}) {
    const std::vector<float> expected = PassesOver(count, OnThreads(1), ReferenceOps<float>());
    for (const int threads : {1, 2, 3})
      EXPECT_EQ(PassesOver(count, OnThreads(threads), CpuOps()), expected) << count << " values";
    InBothOrders([&] { EXPECT_EQ(PassesOver(count, OnThreads(), emulated::Ops()), expected) << count << " values"; });
  }
}

}  // namespace
}  // namespace riffle
