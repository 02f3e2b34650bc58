// Test-time flip: by hand on all backends, and their bits against the reference's.
#include "ops/flip/flip.h"

#include <gmock/gmock.h>

#include "ops/testing/compare.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

constexpr std::array kBackends = {"reference", "cpu", "kernels"};
class FlipByHand : public testing::TestWithParam<const OpTable<float>*> {};
INSTANTIATE_TEST_SUITE_P(, FlipByHand, testing::Values(&ReferenceOps<float>(), &CpuOps(), &emulated::Ops()),
                         [](const auto& ops) { return kBackends[ops.index]; });

TEST_P(FlipByHand, ExchangesLeftAndRightOfEachLine) {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};  // two of two lines
  std::vector<float> y(12, NAN);
  GetParam()->flip(OnThreads(), {1, {2, 2, 3}}, {.y = {y.data(), 12}, .x = {x.data(), 12}});
  EXPECT_THAT(y, ElementsAre(3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10));
}

TEST_P(FlipByHand, TheMeanOfLogits) {
  std::vector<float> logits = {1, -2, 3, 0};
  const std::vector<float> flipped = {2, 2, 3, -1};
  GetParam()->flip_mean(OnThreads(), {2, 2}, {.logits = logits.data(), .flipped = flipped.data()});
  EXPECT_THAT(logits, ElementsAre(1.5f, 0, 3, -0.5f));
}

TEST(Flip, HasTheBitsOfTheReference) {
  constexpr int kChannels = 3;
  for (const auto& [height, width] : kSizes)
    for (const int64_t images : {1, 3}) {
      Draw draw(Values::kExact);
      const FlipShape shape = {kChannels, {images, height, width}};
      GuardedMap<float> x(kChannels, shape.plane.pixels(), [&] { return draw.Real(); });
      const auto flipped = [&](const OpTable<float>& ops, int threads) {
        GuardedMap<float> y(kChannels, shape.plane.pixels());
        ops.flip(OnThreads(threads), shape, {.y = y.rows(), .x = x.rows()});
        EXPECT_TRUE(y.Intact());
        return y.Flat();
      };
      const std::vector<float> expected = flipped(ReferenceOps<float>(), 1);
      for (const int threads : {1, 2, 3}) EXPECT_EQ(flipped(CpuOps(), threads), expected) << height << " × " << width;
      EXPECT_EQ(flipped(emulated::Ops(), 1), expected) << height << " × " << width;
    }
}

}  // namespace
}  // namespace riffle
