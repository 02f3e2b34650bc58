// Class weights: what is read, what is refused, and the balance by hand.
#include "train/loss/class_weights.h"

#include <gmock/gmock.h>

#include <array>

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ClassWeights, AreANumberForEachClass) {
  for (const char* text : {"1,0.5,2", "[1, 0.5, 2]", "(1,.5, 2e0)", " 1 , 0.5 , 2 "})
    EXPECT_THAT(*ParseClassWeights(text, 3), ElementsAre(1, 0.5f, 2)) << text;
  EXPECT_THAT(*ParseClassWeights("", 3), IsEmpty());
}

TEST(ClassWeights, NothingElseIsTaken) {
  for (const char* text : {"1,2", "1,2,3,4", "1,-1,1", "1,,1", "1,2,", "0,0,0", "1,nan,1", "1,inf,1", "1,x,1", "1 1 1",
                           "balanced", ",", " "}) {
    const auto weights = ParseClassWeights(text, 3);
    ASSERT_FALSE(weights.ok()) << text;
    EXPECT_THAT(weights.status().message(), AllOf(HasSubstr("class_weights"), HasSubstr("the 3 classes"))) << text;
  }
}

TEST(ClassWeights, BalanceByHand) {
  const std::array<int64_t, 4> counts = {10, 30, 0, 20};
  EXPECT_EQ(BalancedClassWeights(counts), "2,0.666667,1,1") << "60 / (3·10), 60 / (3·30), none, 60 / (3·20)";
  EXPECT_THAT(*ParseClassWeights(BalancedClassWeights(counts), 4), ElementsAre(2, 0.666667f, 1, 1));
}

}  // namespace
}  // namespace riffle
