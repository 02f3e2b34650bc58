// Mixup and CutMix: pictures and targets by hand and against plain loops, and what is drawn how often.
#include "train/loss/mix.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "backend/testing/execution.h"
#include "base/random.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
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

TEST(MixPictures, MixupByHandTheMiddlePictureWithItself) {
  const std::vector<float> pictures = {0, 4, 100, 200, 8, 12, -1, -1};  // three of two pixels, and padding
  std::vector<float> mixed(8, NAN);
  MixPictures(OnThreads(), {.kind = Kind::kMixup, .own_share = 0.75}, 1, 3, 1, 2, {pictures.data(), 8},
              {mixed.data(), 8});
  EXPECT_THAT(mixed, ElementsAre(2, 6, 100, 200, 6, 10, 0, 0));
}

TEST(MixPictures, CutMixByHand) {
  const std::vector<float> pictures = {1, 2, 3, 4, 10, 20, 30, 40};  // two of 2 × 2
  std::vector<float> mixed(8, NAN);
  const Mix mix = {.kind = Kind::kCutMix, .own_share = 0.5, .top = 0, .bottom = 2, .left = 1, .right = 2};
  MixPictures(OnThreads(), mix, 1, 2, 2, 2, {pictures.data(), 8}, {mixed.data(), 8});
  EXPECT_THAT(mixed, ElementsAre(1, 20, 3, 40, 10, 2, 30, 4));
}

TEST(MixPictures, AgreesWithPlainLoops) {
  constexpr int kChannels = 3, kHeight = 5, kWidth = 7;
  for (const int images : {1, 4, 5}) {
    const int64_t stride = RowStride(images * kHeight * kWidth);
    RandomStream random(7, RandomPurpose::kTest, 0, 0);
    std::vector<float> pictures(kChannels * stride), mixed(kChannels * stride, NAN), expected(kChannels * stride);
    for (float& value : pictures) value = static_cast<float>(random.Normal());
    for (const Mix& mix : Draw(With(1, 1), 20, kHeight, kWidth)) {
      for (int c = 0; c < kChannels; ++c)
        for (int n = 0; n < images; ++n)
          for (int y = 0; y < kHeight; ++y)
            for (int x = 0; x < kWidth; ++x) {
              const auto at = [&](int picture) { return c * stride + (picture * kHeight + y) * kWidth + x; };
              const float own = pictures[at(n)], partner = pictures[at(images - 1 - n)];
              const bool inside = mix.top <= y && y < mix.bottom && mix.left <= x && x < mix.right;
              const auto share = static_cast<float>(mix.own_share), rest = static_cast<float>(1 - mix.own_share);
              expected[at(n)] = mix.kind == Kind::kMixup ? share * own + rest * partner : inside ? partner : own;
            }
      MixPictures(OnThreads(), mix, kChannels, images, kHeight, kWidth, {pictures.data(), stride},
                  {mixed.data(), stride});
      EXPECT_THAT(mixed, ElementsAreArray(expected));
    }
  }
}

TEST(MixTargets, ByHand) {
  std::vector<float> targets = {1, 0, 0, 0.5f, 0.5f, 0, 0, 0, 1};
  MixTargets({.kind = Kind::kMixup, .own_share = 0.75}, 3, 3, targets.data());
  EXPECT_THAT(targets, ElementsAre(0.75f, 0, 0.25f, 0.5f, 0.5f, 0, 0.25f, 0, 0.75f));
}

}  // namespace
}  // namespace riffle
