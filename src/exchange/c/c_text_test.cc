#include "exchange/c/c_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace riffle {
namespace {

TEST(CString, EscapesWhatWouldEndOrChangeIt) {
  EXPECT_EQ(CString("tench, Tinca tinca"), "\"tench, Tinca tinca\"");
  EXPECT_EQ(CString("a\"b\\"), R"("a\"b\\")");
  EXPECT_EQ(CString("a\nb\t" + std::string(1, '\0')), R"("a\012b\011\000")");
  EXPECT_EQ(CString("what?\?/"), R"("what\?\?/")") << "a trigraph";
  EXPECT_EQ(CString("\xc3\xa4"
                    "1"),
            R"("\303\2441")")
      << "octal ends after three digits";
}

TEST(CComment, EndsNoComment) {
  EXPECT_EQ(CComment("shufflenet_v1_g3_x0_5"), "shufflenet_v1_g3_x0_5");
  EXPECT_EQ(CComment("a*/ int x; /*\n\\"), "a__ int x_ ____");
}

TEST(CIdentifier, IsTheNearestThereIs) {
  EXPECT_EQ(CIdentifier("shufflenet_v1_g3_x0_5"), "shufflenet_v1_g3_x0_5");
  EXPECT_EQ(CIdentifier("3 dogs-2"), "n3_dogs_2");
  EXPECT_EQ(CIdentifier("_x"), "n_x");
  EXPECT_EQ(CIdentifier(""), "network");
  EXPECT_TRUE(IsCIdentifier("Flowers_2"));
  for (const char* bad : {"", "2x", "_x", "a-b", "a b", "ä"}) EXPECT_FALSE(IsCIdentifier(bad)) << bad;
  EXPECT_FALSE(IsCIdentifier(std::string(61, 'a')));
}

TEST(CFloat, IsALiteralOfTheSameBits) {
  EXPECT_EQ(CFloat(1), "1.0f");
  EXPECT_EQ(CFloat(-0.0f), "-0.0f");
  EXPECT_EQ(CFloat(0.1f), "0.1f");
  using Limits = std::numeric_limits<float>;
  for (const float value : {1e-5f, 16777216.0f, 3.1415927f, Limits::max(), Limits::min(), Limits::denorm_min()}) {
    const std::string literal = CFloat(value);
    EXPECT_EQ(std::strtof(literal.c_str(), nullptr), value) << literal;
    EXPECT_NE(literal.find_first_of(".e"), std::string::npos) << literal;
    EXPECT_EQ(literal.back(), 'f');
  }
}

}  // namespace
}  // namespace riffle
