// Mixup and CutMix: by hand on all backends, and their bits against the reference's, of which each value is one and the
// same sum.
#include "ops/mix/mix.h"

#include <gmock/gmock.h>

#include "ops/testing/compare.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using Kind = Mix::Kind;

constexpr std::array kBackends = {"reference", "cpu", "kernels"};
class MixByHand : public testing::TestWithParam<const OpTable<float>*> {};
INSTANTIATE_TEST_SUITE_P(, MixByHand, testing::Values(&ReferenceOps<float>(), &CpuOps(), &emulated::Ops()),
                         [](const auto& ops) { return kBackends[ops.index]; });

TEST_P(MixByHand, MixupOfPicturesTheMiddleOneWithItself) {
  const std::vector<float> pictures = {0, 4, 100, 200, 8, 12, -1, -1};  // three of two pixels, and padding
  std::vector<float> mixed(8, NAN);
  GetParam()->mix_pictures(OnThreads(), {1, {3, 1, 2}, {.kind = Kind::kMixup, .own_share = 0.75}},
                           {.mixed = {mixed.data(), 8}, .pictures = {pictures.data(), 8}});
  EXPECT_THAT(mixed, ElementsAre(2, 6, 100, 200, 6, 10, 0, 0));
}

TEST_P(MixByHand, CutMixOfPictures) {
  const std::vector<float> pictures = {1, 2, 3, 4, 10, 20, 30, 40};  // two of 2 × 2
  std::vector<float> mixed(8, NAN);
  const Mix mix = {.kind = Kind::kCutMix, .own_share = 0.5, .top = 0, .bottom = 2, .left = 1, .right = 2};
  GetParam()->mix_pictures(OnThreads(), {1, {2, 2, 2}, mix},
                           {.mixed = {mixed.data(), 8}, .pictures = {pictures.data(), 8}});
  EXPECT_THAT(mixed, ElementsAre(1, 20, 3, 40, 10, 2, 30, 4));
}

TEST_P(MixByHand, Targets) {
  std::vector<float> targets = {1, 0, 0, 0.5f, 0.5f, 0, 0, 0, 1};
  GetParam()->mix_targets(OnThreads(), {3, 3}, {.targets = targets.data(), .own_share = 0.75});
  EXPECT_THAT(targets, ElementsAre(0.75f, 0, 0.25f, 0.5f, 0.5f, 0, 0.25f, 0, 0.75f));
}

struct Case {
  int64_t images;
  Mix mix;
};

template <class T>
struct Both {
  static constexpr int kChannels = 3, kHeight = 5, kWidth = 7, kClasses = 10;
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        pictures(kChannels, c.images * kHeight * kWidth, [this] { return draw.Real(); }),
        targets(GuardedMap<T>::Array(c.images * kClasses, [this] { return draw.Real(); })),
        mixed(kChannels, c.images * kHeight * kWidth) {}

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.mix_pictures(execution, {kChannels, {c.images, kHeight, kWidth}, c.mix},
                       {.mixed = mixed.rows(), .pictures = pictures.rows()});
    table.mix_targets(execution, {c.images, kClasses}, {.targets = targets.data(), .own_share = c.mix.own_share});
  }
  /// As the contract of mix_pictures has it, not NaN as the Map made it.
  bool PaddingIsZero() {
    const Rows<T> rows = mixed.rows();
    for (int ch = 0; ch < kChannels; ++ch)
      for (int64_t p = mixed.pixels(); p < rows.stride; ++p)
        if (rows[ch][p] != 0) return false;
    return true;
  }

  Case c;
  Draw draw;
  GuardedMap<T> pictures, targets, mixed;
};

TEST(Mix, HasTheBitsOfTheReference) {
  const Mix mixup = {.kind = Kind::kMixup, .own_share = 0.3};
  const Mix cutmix = {.kind = Kind::kCutMix, .own_share = 0.8, .top = 1, .bottom = 4, .left = 2, .right = 7};
  for (const Mix& mix : {mixup, cutmix})
    for (const int64_t images : {1, 2, 5, 16}) {
      Both<float> expected({images, mix}, Values::kExact);
      expected.Run(OnThreads(), ReferenceOps<float>());
      EXPECT_TRUE(expected.PaddingIsZero());
      const auto expect_same = [&](const OpTable<float>& ops, int threads) {
        Both<float> found({images, mix}, Values::kExact);
        found.Run(OnThreads(threads), ops);
        EXPECT_EQ(found.mixed.Flat(), expected.mixed.Flat()) << images;
        EXPECT_EQ(found.targets.Flat(), expected.targets.Flat()) << images;
        EXPECT_TRUE(found.targets.Intact());
        EXPECT_TRUE(found.PaddingIsZero());
      };
      for (const int threads : {1, 2, 3}) expect_same(CpuOps(), threads);
      expect_same(emulated::Ops(), 1);
    }
}

}  // namespace
}  // namespace riffle
