// Numbers and lists read from text, words that look the same, and text that stays on its line.
#include "base/text.h"

#include <gmock/gmock.h>

#include "base/status.h"

namespace riffle {
namespace {

using testing::ElementsAre;

TEST(Text, ANumberIsAllOfTheText) {
  EXPECT_EQ(ParseNumber<int>("-17"), -17);
  EXPECT_EQ(ParseNumber<int64_t>("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseNumber<double>("2.5e-3"), 0.0025);
  EXPECT_EQ(ParseNumber<float>("1e3"), 1000.0f);
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "x1", "--1", "0x10", "1,2"}) {
    EXPECT_EQ(ParseNumber<int>(text), std::nullopt) << text;
    EXPECT_EQ(ParseNumber<double>(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseNumber<int>("1.0"), std::nullopt);
}

TEST(Text, ANumberIsFiniteAndFitsItsType) {
  for (const char* text : {"inf", "-inf", "nan", "1e999"}) EXPECT_EQ(ParseNumber<double>(text), std::nullopt) << text;
  EXPECT_EQ(ParseNumber<float>("1e39"), std::nullopt);
  EXPECT_EQ(ParseNumber<double>("1e39"), 1e39);
  EXPECT_EQ(ParseNumber<int>("2147483648"), std::nullopt);
  EXPECT_EQ(ParseNumber<int64_t>("2147483648"), 2147483648);
}

TEST(Text, TrimmedTakesBlanksAndTabsFromBothEndsAlone) {
  EXPECT_EQ(Trimmed(" \ta b\t "), "a b");
  EXPECT_EQ(Trimmed("a\n"), "a\n");
  EXPECT_EQ(Trimmed(" \t"), "");
  EXPECT_EQ(Trimmed(""), "");
}

TEST(Text, SplitKeepsWhatIsEmpty) {
  EXPECT_THAT(Split("a,b", ','), ElementsAre("a", "b"));
  EXPECT_THAT(Split(",a,,b,", ','), ElementsAre("", "a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
}

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

TEST(Text, ComposedAndDecomposedWordsOfOtherScriptsLookAlike) {
  for (const auto& [composed, decomposed] : {std::pair{"Vi\u1ec7t", "Vie\u0323\u0302t"},
                                             {"Vi\u1ec7t", "Vi\u1eb9\u0302t"},
                                             {"B\u01a1", "Bo\u031b"},
                                             {"\u304c\u307b\u3071", "\u304b\u3099\u307b\u306f\u309a"},
                                             {"\u30ac\u30d4\u30f4", "\u30ab\u3099\u30d2\u309a\u30a6\u3099"},
                                             {"\uac01\uc2dc", "\u1100\u1161\u11a8\u1109\u1175"},
                                             {"\u043c\u0430\u0439", "\u043c\u0430\u0438\u0306"},
                                             {"red fox", "red\u00a0fox"},
                                             {"fox", "f\u200box"}}) {
    EXPECT_TRUE(LookAlike(composed, decomposed)) << Escaped(decomposed);
    EXPECT_TRUE(LookAlike(decomposed, composed)) << Escaped(decomposed);
  }
  for (const auto& [a, b] : {std::pair{"Vi\u1ec7t", "Vi\u1ebft"},
                             {"\u304c", "\u304b"},
                             {"\u3070", "\u3071"},
                             {"\uac01", "\uac02"},
                             {"\u0439", "\u0438"},
                             {"red fox", "redfox"}})
    EXPECT_FALSE(LookAlike(a, b)) << a << ' ' << b;
}

TEST(Text, WordsAreEnumerated) {
  using Words = std::vector<std::string_view>;
  EXPECT_EQ(Enumerated(Words{}, "or"), "");
  EXPECT_EQ(Enumerated(Words{"a"}, "or"), "a");
  EXPECT_EQ(Enumerated(Words{"a", "b"}, "or"), "a or b");
  EXPECT_EQ(Enumerated(Words{"a", "b", "c"}, "and"), "a, b and c");
}

TEST(Text, EscapesTellApartWhatLooksAlike) {
  EXPECT_EQ(Escaped("K\u00e4fer"), "K\\u00e4fer");
  EXPECT_EQ(Escaped("Ka\u0308fer"), "Ka\\u0308fer");
  EXPECT_EQ(Lowercase("TrAin Ä"), "train Ä");
}

TEST(Text, ATerminalShowsWhatOthersWroteAndDoesNotObeyIt) {
  EXPECT_EQ(OneLine("Gr\u00fcn \u4e2d\u6587 \U0001F431"), "Gr\u00fcn \u4e2d\u6587 \U0001F431");
  EXPECT_EQ(OneLine("\x1b[31mred\x7f\r"), "\\x1b[31mred\\x7f\\x0d");
  EXPECT_EQ(OneLine("\u009b31m"), "\\u009b31m") << "the same as one character";
  EXPECT_EQ(OneLine("\x9b"
                    "31m b\xe4ren"),
            "\\x9b31m b\\xe4ren")
      << "bytes that are no UTF-8";
  EXPECT_EQ(OneLine("\xc0\x9b[0m"), "\\u001b[0m") << "a longer spelling of the same";
  EXPECT_EQ(OneLine("a\u202eb\u2028c"), "a\\u202eb\\u2028c");
}

TEST(Text, CountsOneAndMany) {
  EXPECT_EQ(Counted(1, "tensor"), "1 tensor");
  EXPECT_EQ(Counted(0, "tensor"), "0 tensors");
  EXPECT_EQ(Counted(1, "class") + ", " + Counted(2, "class"), "1 class, 2 classes");
  EXPECT_EQ(Counted(3, "batch") + ", " + Counted(4, "index"), "3 batches, 4 indexes");
  EXPECT_EQ(Counted(1, "entry") + ", " + Counted(2, "entry") + ", " + Counted(2, "day"), "1 entry, 2 entries, 2 days");
  EXPECT_EQ(OneOrMany(1, "epoch") + ", " + OneOrMany(0, "epoch"), "epoch, epochs");
}

TEST(Text, ShowsBytesInBinaryUnits) {
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(int64_t{3} << 30), "3.0 GiB");
}

TEST(Text, WhatStandsAroundItIsTakenAway) {
  EXPECT_EQ(Trimmed(" \ta b\t "), "a b");
  EXPECT_EQ(Trimmed(" a\r", " \r"), "a");
  EXPECT_EQ(Trimmed(" \t"), "");
  EXPECT_EQ(WithoutByteOrderMark("\xef\xbb\xbf"
                                 "a"),
            "a");
  EXPECT_EQ(WithoutByteOrderMark("\xef\xbb"), "\xef\xbb");
}

TEST(Status, AMessageIsOneLineWhateverStandsInIt) {
  const std::string hostile = "a\x1b[2J\nb";
  EXPECT_EQ(DataLoss("{}", hostile).message(), "a\\x1b[2J\\x0ab");
  EXPECT_EQ(IoError("full").In(hostile).message(), "a\\x1b[2J\\x0ab: full");
  EXPECT_EQ(Result<int>(NotFound("{}", hostile)).status().message().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace riffle
