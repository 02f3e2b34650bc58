#include "runtime/likeliest.h"

#include <gtest/gtest.h>

#include <cmath>

namespace riffle {
namespace {

const std::vector<std::string> kNames = {"ant", "bee", "cat"};

TEST(Likeliest, SortsByProbabilityAndEqualOnesByIndex) {
  const std::vector<float> logits = {0, std::log(2.0f), 0};
  const auto classes = Likeliest(logits, kNames, 5);
  ASSERT_EQ(classes.size(), 3u);
  EXPECT_EQ(classes[0].name, "bee");
  EXPECT_NEAR(classes[0].probability, 0.5, 1e-7);
  EXPECT_EQ(classes[1].index, 0);
  EXPECT_EQ(classes[2].index, 2);
  EXPECT_EQ(Likeliest(logits, kNames, 1).size(), 1u);
}

TEST(Likeliest, NumbersTheClassesOfACheckpointWithoutNames) {
  const auto classes = Likeliest(std::vector<float>{0, 2, 1}, {}, 2);
  EXPECT_EQ(classes[0].name, "class 1");
  EXPECT_EQ(classes[1].name, "class 2");
}

TEST(Likeliest, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {1e4f, -1e4f, 0};
  EXPECT_EQ(Likeliest(logits, kNames, 1)[0].probability, 1.0);
}

}  // namespace
}  // namespace riffle
