// Mixup and CutMix: what is drawn how often.
#include "train/loss/mix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace riffle {
namespace {

using Kind = Mix::Kind;

MixOptions With(double mixup, double cutmix, double probability = 1) {
  return {.mixup = mixup, .cutmix = cutmix, .cutmix_prob = probability};
}

std::vector<Mix> Draw(const MixOptions& options, int count = 4000, int64_t height = 32, int64_t width = 32) {
  std::vector<Mix> mixes;
  for (int i = 0; i < count; ++i)
    mixes.push_back(DrawMix(options, {.epoch = i / 100, .batch = i % 100}, height, width));
  return mixes;
}

double ShareOf(Kind kind, const std::vector<Mix>& mixes) {
  return static_cast<double>(std::ranges::count(mixes, kind, &Mix::kind)) / static_cast<double>(mixes.size());
}

TEST(DrawMix, TheOptionsSayWhatIsDrawnHowOften) {
  EXPECT_EQ(ShareOf(Kind::kNone, Draw(With(0, 0))), 1);
  EXPECT_EQ(ShareOf(Kind::kMixup, Draw(With(0.2, 0))), 1);
  EXPECT_EQ(ShareOf(Kind::kCutMix, Draw(With(0, 1))), 1);
  const std::vector<Mix> both = Draw(With(0.2, 1)), seldom = Draw(With(0.2, 1, 0.3));
  EXPECT_NEAR(ShareOf(Kind::kMixup, both), 0.5, 0.03);
  EXPECT_EQ(ShareOf(Kind::kNone, both), 0);
  EXPECT_NEAR(ShareOf(Kind::kMixup, seldom), 0.15, 0.02);
  EXPECT_NEAR(ShareOf(Kind::kCutMix, seldom), 0.15, 0.02);
  EXPECT_EQ(ShareOf(Kind::kNone, Draw(With(0.2, 1, 0))), 1);
}

TEST(DrawMix, TheShareOfMixupHasTheBetaDistribution) {
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double sum = 0, squares = 0;
    const std::vector<Mix> mixes = Draw(With(alpha, 0), 20000);
    for (const Mix& mix : mixes) {
      sum += mix.own_share;
      squares += (mix.own_share - 0.5) * (mix.own_share - 0.5);
    }
    EXPECT_NEAR(sum / 20000, 0.5, 0.01) << alpha;
    EXPECT_NEAR(squares / 20000, 1 / (4 * (2 * alpha + 1)), 0.005) << alpha;
  }
}

TEST(DrawMix, ABoxLiesInThePictureAndTheShareIsWhatItLeaves) {
  constexpr int64_t kHeight = 20, kWidth = 37;
  double left = 0;
  for (const Mix& mix : Draw(With(0, 1), 4000, kHeight, kWidth)) {
    ASSERT_TRUE(0 <= mix.top && mix.top <= mix.bottom && mix.bottom <= kHeight);
    ASSERT_TRUE(0 <= mix.left && mix.left <= mix.right && mix.right <= kWidth);
    const auto box = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
    ASSERT_DOUBLE_EQ(mix.own_share, 1 - box / (kHeight * kWidth));
    const bool is_whole = mix.top > 0 && mix.left > 0 && mix.bottom < kHeight && mix.right < kWidth;
    if (is_whole) {
      ASSERT_NEAR(static_cast<double>(mix.bottom - mix.top) / kHeight,
                  static_cast<double>(mix.right - mix.left) / kWidth, 2.0 / kHeight)
          << "the sides have the picture's proportions";
    }
    left += mix.own_share;
  }
  EXPECT_GT(left / 4000, 0.5) << "boxes are cut at the edges";
  EXPECT_LT(left / 4000, 0.8);
}

TEST(DrawMix, IsAFunctionOfTheSeedAndThePosition) {
  MixOptions options = With(1, 1);
  const std::vector<Mix> mixes = Draw(options, 300);
  EXPECT_TRUE(std::ranges::equal(mixes, Draw(options, 300)));
  for (size_t i = 1; i < mixes.size(); ++i) EXPECT_FALSE(mixes[i] == mixes[i - 1]);
  options.seed = 43;
  EXPECT_FALSE(std::ranges::equal(mixes, Draw(options, 300)));
}

}  // namespace
}  // namespace riffle
