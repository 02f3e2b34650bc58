// Words that look the same, and text that stays on its line.
#include "base/text.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(Text, ComposedAndDecomposedLettersLookAlike) {
  const std::string composed = "K\u00e4fer", decomposed = "Ka\u0308fer";
  EXPECT_TRUE(LookAlike(composed, decomposed));
  EXPECT_TRUE(LookAlike(decomposed, composed));
  EXPECT_TRUE(LookAlike("\u017elu\u0165", "z\u030clut\u030c"));
  EXPECT_FALSE(LookAlike(composed, composed)) << "they are the same";
  EXPECT_FALSE(LookAlike(composed, "Kafer"));
  EXPECT_FALSE(LookAlike(composed, "K\u00e0fer")) << "another accent";
  EXPECT_FALSE(LookAlike(composed, "Ku\u0308fer"));
  EXPECT_FALSE(LookAlike("\xff\xc3", "\xc3")) << "no UTF-8";
}

TEST(Text, EscapesTellApartWhatLooksAlike) {
  EXPECT_EQ(Escaped("K\u00e4fer"), "K\\u00e4fer");
  EXPECT_EQ(Escaped("Ka\u0308fer"), "Ka\\u0308fer");
  EXPECT_EQ(OneLine("a\nb\tc"), "a\\x0ab\\x09c");
  EXPECT_EQ(Lowercase("TrAin Ä"), "train Ä");
}

}  // namespace
}  // namespace riffle
