#include "data/imagenet_classes.h"

#include <gtest/gtest.h>

#include <set>

namespace riffle {
namespace {

TEST(ImageNet, HasAThousandClassesInTheOrderOfTheirFolders) {
  ASSERT_EQ(ImageNetClasses().size(), 1000u);
  std::set<std::string_view> names;
  for (size_t k = 0; k < 1000; ++k) {
    const ImageNetClass& c = ImageNetClasses()[k];
    EXPECT_TRUE(k == 0 || ImageNetClasses()[k - 1].wordnet_id < c.wordnet_id) << c.wordnet_id;
    EXPECT_EQ(c.wordnet_id.size(), 9u);
    EXPECT_TRUE(names.insert(c.name).second) << "two classes are called " << c.name;
  }
}

// The numbers that everybody quotes.
TEST(ImageNet, LabelsAreTheUsualOnes) {
  const std::vector<std::string> names = ImageNetNames();
  EXPECT_EQ(names[0], "tench");
  EXPECT_EQ(names[207], "golden retriever");
  EXPECT_EQ(names[281], "tabby");
  EXPECT_EQ(names[701], "parachute");
  EXPECT_EQ(names[999], "toilet tissue");
}

TEST(ImageNet, KnowsAClassByItsFolder) {
  EXPECT_EQ(ImageNetNameOf("n02102040"), "English springer");
  EXPECT_EQ(ImageNetNameOf("n00000000"), "");
  EXPECT_EQ(ImageNetNameOf("n99999999"), "");
  EXPECT_EQ(ImageNetNameOf("tench"), "");
}

TEST(SameClasses, TakesAnIdForItsName) {
  EXPECT_TRUE(SameClasses({"n01440764", "ant"}, {"tench", "ant"}));
  EXPECT_TRUE(SameClasses({"ant", "bee"}, {"ant", "bee"}));
  EXPECT_FALSE(SameClasses({"ant", "bee"}, {"bee", "ant"}));
  EXPECT_FALSE(SameClasses({"n01440764"}, {"goldfish"}));
  EXPECT_FALSE(SameClasses({"tench"}, {"tench", "goldfish"}));
}

}  // namespace
}  // namespace riffle
