// From bytes to the network's input: by hand on all backends, kernels in both orders of threads.
// data/device_picture_test.cc compares with what workers make of pictures on the CPU.
#include "ops/pictures/pictures.h"

#include <gmock/gmock.h>

#include "ops/testing/compare.h"

namespace riffle {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using Kind = ColorStep::Kind;

constexpr std::array kBackends = {"reference", "cpu", "kernels"};
class PicturesByHand : public testing::TestWithParam<const OpTable<float>*> {
 protected:
  // What becomes of pictures of which `bytes` is the memory, and `kept` the other one.
  std::vector<uint8_t> Resampled(const PicturesShape& shape, const std::vector<uint8_t>& bytes,
                                 const std::vector<int32_t>& taps, const std::vector<PictureSource>& sources,
                                 const std::vector<uint8_t>& kept = {}) {
    std::vector<uint8_t> out(static_cast<size_t>(shape.images * shape.values()), 77);
    InBothOrders([&] {
      GetParam()->resample_pictures(OnThreads(), shape,
                                    {out.data(), bytes.data(), kept.data(), taps.data(), sources.data()});
    });
    return out;
  }
  // Rows of the finished pictures without a gap, and behind the pixels a value that must be zero.
  std::vector<float> Finished(const PicturesShape& shape, const std::vector<uint8_t>& resampled,
                              const std::vector<PictureFinish>& finishes, const FinishOptions& options = {}) {
    const int64_t stride = shape.plane().pixels() + 1;
    std::vector<float> out(static_cast<size_t>(shape.channels * stride), NAN);
    InBothOrders([&] {
      GetParam()->finish_pictures(OnThreads(), shape,
                                  {.pictures = {out.data(), stride},
                                   .resampled = resampled.data(),
                                   .finishes = finishes.data(),
                                   .options = options});
    });
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(, PicturesByHand, testing::Values(&ReferenceOps<float>(), &CpuOps(), &emulated::Ops()),
                         [](const auto& ops) { return kBackends[ops.index]; });

constexpr int32_t kOne = 1 << kTapBits;

// Both output pixels of a side: the second source pixel, then the first.
const std::vector<int32_t> kMirroring = {1, 1, kOne, 0, 1, kOne};

TEST_P(PicturesByHand, TapsMirrorAndReadWhereTheRowsLie) {
  // Rows of two grey pixels, three bytes apart, behind a byte of something else.
  const std::vector<uint8_t> bytes = {99, 1, 2, 99, 3, 4};
  const PictureSource source = {.pixels = 1, .row_bytes = 3, .rows = {0, 1}, .columns = {0, 1}};
  EXPECT_THAT(Resampled({1, 2, 1}, bytes, kMirroring, {source}), ElementsAre(4, 3, 2, 1));
}

TEST_P(PicturesByHand, EachPictureHasItsOwnMemoryAndItsOwnTaps) {
  const std::vector<uint8_t> bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, kept = {0, 200, 201, 202};
  std::vector<int32_t> taps = kMirroring;
  taps.insert(taps.end(), {0, 1, kOne, 9, 0, 1, kOne, 9});  // two weights a pixel, of which one counts: the first twice
  const PictureSource of_batch = {.row_bytes = 6, .rows = {0, 1}, .columns = {0, 1}};
  const PictureSource of_kept = {.pixels = 1, .is_kept = true, .row_bytes = 3, .rows = {6, 2}, .columns = {6, 2}};
  EXPECT_THAT(
      Resampled({2, 2, 3}, bytes, taps, {of_batch, of_kept}, kept),
      ElementsAre(10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 200, 201, 202, 200, 201, 202, 200, 201, 202, 200, 201, 202));
}

TEST_P(PicturesByHand, RowsAreRoundedBeforeColumnsAndOvershootIsCutOff) {
  // Halves of 0 and 1 in a row: rounded up to 1, twice a half of that is 1; a sum of all four would be ½.
  const std::vector<int32_t> taps = {0, 2, kOne / 2, kOne / 2, 0, 2, kOne * 3 / 2, -kOne / 2};
  const PictureSource halves = {.row_bytes = 2, .rows = {0, 2}, .columns = {0, 2}};
  EXPECT_THAT(Resampled({1, 1, 1}, {0, 1, 0, 1}, taps, {halves}), ElementsAre(1));
  const PictureSource beyond = {.row_bytes = 2, .rows = {4, 2}, .columns = {4, 2}};
  EXPECT_THAT(Resampled({1, 1, 1}, {200, 10, 200, 10}, taps, {beyond}), ElementsAre(255)) << "in each row 295, 255";
  EXPECT_THAT(Resampled({1, 1, 1}, {0, 200, 0, 200}, taps, {beyond}), ElementsAre(0));
}

TEST_P(PicturesByHand, WithoutTapsAllIsBlack) {
  const std::vector<int32_t> taps = {0, 0, 0, 0, 0, 1, kOne, 0, 1, kOne};  // no weights at all; the first pixel
  const PictureSource source = {.row_bytes = 1, .rows = {0, 0}, .columns = {4, 1}};
  EXPECT_THAT(Resampled({1, 2, 1}, {9}, taps, {source}), Each(0));
}

TEST_P(PicturesByHand, FinishesWithScaleAndShiftOfEachChannelAndClearsThePadding) {
  const FinishOptions options = {.scale = {2, 0.5f, 1}, .shift = {1, 0, -3}};
  EXPECT_THAT(Finished({2, 1, 3}, {10, 20, 30, 40, 50, 60}, {{}, {}}, options),
              ElementsAre(21, 81, 0, 10, 25, 0, 27, 57, 0));
}

TEST_P(PicturesByHand, EachColorStepIsPillows) {
  // Grey of two pixels, brighter by half: 165, 255. Then half the contrast about their mean, 210: 187.5 and 232.5.
  const PictureFinish both = {.colors = {{{Kind::kBrightness, 1.5f}, {Kind::kContrast, 0.5f}, {}}}};
  EXPECT_THAT(Finished({1, 2, 1}, {110, 200, 110, 200}, {both}), ElementsAre(187, 232, 187, 232, 0));
  // The other way round: about 155 first.
  const PictureFinish turned = {.colors = {{{Kind::kContrast, 0.5f}, {Kind::kBrightness, 1.5f}, {}}}};
  EXPECT_THAT(Finished({1, 2, 1}, {110, 200, 110, 200}, {turned}), ElementsAre(198, 255, 198, 255, 0));
  // Luma of pure red is 76: halfway to it.
  const PictureFinish faded = {.colors = {{{Kind::kSaturation, 0.5f}, {}, {}}}};
  EXPECT_THAT(Finished({1, 1, 3}, {255, 0, 0}, {faded}), ElementsAre(165, 0, 38, 0, 38, 0));
  EXPECT_THAT(Finished({1, 1, 1}, {255}, {faded}), ElementsAre(255, 0)) << "grey has no colour";
}

TEST_P(PicturesByHand, ErasesARectangleOfEachPicturesOwnWithTheValueOfEachChannel) {
  const FinishOptions options = {.erased = {-1, -2, -3}};
  const std::vector<uint8_t> white(2 * 4 * 3, 255);
  const PictureFinish right = {.top = 0, .left = 1, .height = 2, .width = 1};
  EXPECT_THAT(Finished({2, 2, 3}, white, {right, {}}, options),
              ElementsAre(255, -1, 255, -1, 255, 255, 255, 255, 0, 255, -2, 255, -2, 255, 255, 255, 255, 0, 255, -3,
                          255, -3, 255, 255, 255, 255, 0));
}

TEST_P(PicturesByHand, NoiseIsWhatNormalGivesChannelByChannelAndRowByRow) {
  RandomStream random(3, RandomPurpose::kTest, 4, 5);
  random.Bits();  // not at the begin of a block
  const PictureFinish finish = {.top = 1, .left = 1, .height = 2, .width = 2, .noise = random};
  const std::vector<uint8_t> black(9 * 3, 0);
  const std::vector<float> found = Finished({1, 3, 3}, black, {finish}, {.erases_with_noise = true});
  for (int c = 0; c < 3; ++c)
    for (const int place : {4, 5, 7, 8})
      EXPECT_FLOAT_EQ(found[c * 10 + place], static_cast<float>(random.Normal())) << c << " " << place;
}

}  // namespace
}  // namespace riffle
