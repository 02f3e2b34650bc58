#include "data/augment/erasing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kSize = 40;
constexpr int kStride = kSize * kSize + 3;  // between channels

std::vector<float> Erased(const Erasing& erasing, uint32_t index, int channels = 3) {
  std::vector<float> out(channels * kStride, 7);
  RandomStream random(3, RandomPurpose::kTest, 0, index);
  Erase(erasing, DrawErasure(erasing, channels, kSize, random), channels, kSize, out.data(), kStride);
  return out;
}

TEST(Erasing, ErasesOneRectangleOfTheRightAreaAndShapeInAllChannels) {
  constexpr int kDraws = 4000;
  const Erasing erasing = {.probability = 0.5, .scale = {0.05, 0.25}, .ratio = {0.5, 2}, .value = {1, 2, 3}};
  int erased = 0;
  double areas = 0, log_shapes = 0;
  for (uint32_t draw = 0; draw < kDraws; ++draw) {
    const std::vector<float> out = Erased(erasing, draw);
    int top = kSize, left = kSize, bottom = -1, right = -1, count = 0;
    for (int i = 0; i < kSize * kSize; ++i) {
      if (out[i] == 7) continue;
      ++count;
      top = std::min(top, i / kSize), bottom = std::max(bottom, i / kSize);
      left = std::min(left, i % kSize), right = std::max(right, i % kSize);
      for (int c = 0; c < 3; ++c) ASSERT_EQ(out[c * kStride + i], erasing.value[c]);
    }
    if (count == 0) continue;
    const int height = bottom - top + 1, width = right - left + 1;
    ASSERT_EQ(count, height * width) << "no rectangle";
    ++erased, areas += count, log_shapes += std::log(1.0 * height / width);
  }
  // Six standard errors.
  EXPECT_NEAR(erased, kDraws / 2, 6 * std::sqrt(kDraws / 4));
  EXPECT_NEAR(areas / erased / (kSize * kSize), 0.15, 6 * 0.2 / std::sqrt(12.0 * erased) + 0.002);
  EXPECT_NEAR(log_shapes / erased, 0, 6 * std::log(4) / std::sqrt(12.0 * erased));
}

TEST(Erasing, NothingElseIsTouchedAndNeverMeansNever) {
  const std::vector<float> out = Erased({.probability = 1}, 0);
  for (int c = 0; c < 3; ++c)
    for (int i = kSize * kSize; i < kStride; ++i) EXPECT_EQ(out[c * kStride + i], 7) << "wrote between the channels";
  for (uint32_t draw = 0; draw < 100; ++draw) {
    EXPECT_THAT(Erased({}, draw), ::testing::Each(7)) << "default probability is 0";
    EXPECT_THAT(Erased({.probability = 1, .scale = {1, 1}}, draw), ::testing::Each(7)) << "a whole picture never fits";
  }
}

TEST(Erasing, NoiseIsNormal) {
  double sum = 0, squares = 0;
  int count = 0;
  for (uint32_t draw = 0; draw < 50; ++draw)
    for (float v : Erased({.probability = 1, .value = {}}, draw, 1))
      if (v != 7) sum += v, squares += v * v, ++count;
  EXPECT_NEAR(sum / count, 0, 6 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1, 6 * std::sqrt(2.0 / count));
}

TEST(Erasing, ValuesAreParsed) {
  EXPECT_THAT(*ParseErasingValue("0"), ElementsAre(0));
  EXPECT_THAT(*ParseErasingValue("-0.5"), ElementsAre(-0.5f));
  EXPECT_THAT(*ParseErasingValue("1,2,3"), ElementsAre(1, 2, 3));
  EXPECT_THAT(*ParseErasingValue("random"), IsEmpty());
  for (const char* wrong : {"", "rand", "1,", ",1", "1 2", "nan", "1,2x"})
    EXPECT_THAT(ParseErasingValue(wrong).status().message(), HasSubstr("or 'random'")) << wrong;
}

TEST(Erasing, WrongNumbersNameTheOption) {
  EXPECT_THAT(Check({.probability = 2}, 3).message(), HasSubstr("re_prob"));
  EXPECT_THAT(Check({.scale = {0.5, 0.1}}, 3).message(), HasSubstr("re_scale"));
  EXPECT_THAT(Check({.ratio = {0, 1}}, 3).message(), HasSubstr("re_ratio"));
  EXPECT_THAT(Check({.value = {1, 2}}, 3).message(), HasSubstr("re_value"));
  EXPECT_THAT(Check({.max_attempts = 0}, 3).message(), HasSubstr("re_max_attempts"));
  EXPECT_TRUE(Check({.value = {}}, 1).ok());
}

}  // namespace
}  // namespace riffle
