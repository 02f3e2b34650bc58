// What splits are called.
#include "data/split_names.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(SplitNames, TheOneAskedForComesFirst) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(NamesOfSplit("val"), (Names{"val", "validation", "valid"}));
  EXPECT_EQ(NamesOfSplit("valid"), (Names{"valid", "val", "validation"}));
  EXPECT_EQ(NamesOfSplit("train"), (Names{"train", "training"}));
  EXPECT_EQ(NamesOfSplit("dev"), (Names{"dev"}));
  EXPECT_EQ(NamesOfSplit("Validation"), (Names{"Validation", "val", "valid"}));
  EXPECT_TRUE(AreOneSplit("TEST", "testing") && AreOneSplit("Dev", "dev"));
  EXPECT_EQ(UsualName("Valid"), "val");
  EXPECT_EQ(UsualName("dev"), "dev");
  EXPECT_TRUE(AreOneSplit("testing", "test"));
  EXPECT_FALSE(AreOneSplit("val", "test"));
}

TEST(SplitNames, TestAndValStandInForEachOther) {
  EXPECT_EQ(StandInFor("validation"), "test");
  EXPECT_EQ(StandInFor("TEST"), "val");
  for (const char* none : {"train", "dev", ""}) EXPECT_EQ(StandInFor(none), "") << none;
}

TEST(SplitNames, AreRecognisedInAnyCase) {
  for (const char* name : {"train", "Training", "VAL", "test"}) EXPECT_TRUE(IsSplitName(name)) << name;
  for (const char* other : {"ants", "trains", ""}) EXPECT_FALSE(IsSplitName(other)) << other;
}

}  // namespace
}  // namespace riffle
