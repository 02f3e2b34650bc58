#include "base/json.h"

#include <gmock/gmock.h>

namespace riffle {
namespace {

using testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  const Result<nlohmann::json> parsed = ParseJson(text);
  return parsed.ok() ? "no error" : parsed.status().message();
}

TEST(Json, ReadsAValue) {
  const Result<nlohmann::json> parsed = ParseJson(R"({"a": [1, 2.5, "x"], "b": {"a": null}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ((*parsed)["a"][1], 2.5);
}

TEST(Json, NamesThePlaceOfASyntaxError) { EXPECT_EQ(ErrorOf(R"({"a": 1,})"), "invalid JSON at byte 9 of 9"); }

TEST(Json, SaysOfOneThatEndsTooSoonWhereItBreaksOff) {
  EXPECT_EQ(ErrorOf(R"({"a":)"), "invalid JSON: it breaks off after 5 bytes");
}

TEST(Json, RefusesAKeyThatStandsTwiceInOneObject) {
  EXPECT_THAT(ErrorOf(R"({"a": {"b": 1, "b": 1}})"), HasSubstr(R"("b" stands there twice)"));
  EXPECT_THAT(ErrorOf(R"({"a": {}, "a": 1})"), HasSubstr(R"("a" stands there twice)"));
  EXPECT_EQ(ErrorOf(R"([{"b": 1}, {"b": {"b": 1}}])"), "no error");
}

TEST(Json, RefusesWhatWouldOverflow) {
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(ErrorOf("1e999"), HasSubstr("out of range"));
}

TEST(Json, ANumberIsReadOnlyAsATypeThatHoldsIt) {
  const auto whole = [](const char* text) { return NumberIn<int>(*ParseJson(text)); };
  EXPECT_EQ(whole("7"), 7);
  EXPECT_EQ(whole("-7"), -7);
  for (const char* other :
       {"7.0", "1.5", "1e300", "true", "null", "\"7\"", "[7]", "2147483648", "18446744073709551615"})
    EXPECT_EQ(whole(other), std::nullopt) << other;
  EXPECT_EQ(NumberIn<int64_t>(*ParseJson("9223372036854775807")), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(NumberIn<int64_t>(*ParseJson("9223372036854775808")), std::nullopt);
  EXPECT_EQ(NumberIn<double>(*ParseJson("7")), 7.0);
  EXPECT_EQ(NumberIn<float>(*ParseJson("-0.5")), -0.5f);
  EXPECT_EQ(NumberIn<float>(*ParseJson("1e300")), std::nullopt);
  EXPECT_EQ(NumberIn<double>(*ParseJson("true")), std::nullopt);
}

TEST(Json, RefusesInvalidUtf8AndTrailingBytes) {
  EXPECT_THAT(ErrorOf("\"\xff\""), HasSubstr("invalid JSON at byte 2"));
  EXPECT_THAT(ErrorOf("{} x"), HasSubstr("invalid JSON at byte 4"));
  EXPECT_THAT(ErrorOf(std::string_view("{}\0", 3)), HasSubstr("invalid JSON at byte 3 of 3"));
}

TEST(Json, CanHoldUtf8AndNothingElse) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(
      IsUtf8("K\xc3\xa4"
             "fer \xf0\x9f\x90\x9c"));
  EXPECT_FALSE(
      IsUtf8("K\xe4"
             "fer"))
      << "Latin-1";
  EXPECT_FALSE(IsUtf8("\xc3")) << "cut off";
  EXPECT_FALSE(IsUtf8("\xc0\xaf")) << "an overlong form";
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80")) << "half of a pair of UTF-16";
}

TEST(Json, CanHoldWhatIsMadeUtf8) {
  EXPECT_EQ(AsUtf8("data_dir: /K\xe4"
                   "fer\n\"\x01"),
            "data_dir: /K\xef\xbf\xbd"
            "fer\n\"\x01");
  EXPECT_EQ(AsUtf8("K\xc3\xa4"
                   "fer"),
            "K\xc3\xa4"
            "fer");
}

TEST(Quoted, KeepsMessagesToOneShortLine) {
  EXPECT_EQ(Quoted("conv.weight"), "\"conv.weight\"");
  EXPECT_EQ(Quoted("a\nb\x1b[31m\"\xff"), R"("a\nb\u001b[31m\"\ufffd")");
  EXPECT_LT(Quoted(std::string(1000, 'x')).size(), 100u);
}

}  // namespace
}  // namespace riffle
