#include "cli/own_number.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

Invocation With(const std::string& value) { return {.settings = {}, .own = {{"batches", value}}}; }

TEST(OwnNumber, IsWhatWasGivenOrTheOther) {
  EXPECT_EQ(*OwnNumber(With("7"), "batches", 3, {.low = 1}), 7);
  EXPECT_EQ(*OwnNumber(With("0.25"), "batches", 3.0, {}), 0.25);
  EXPECT_EQ(*OwnNumber(With("7"), "seconds", 3, {.low = 1}), 3);
  EXPECT_EQ(*OwnNumber(With("7"), "seconds", INT64_MAX, {.low = 1}), INT64_MAX);
}

TEST(OwnNumber, ErrorsSayWhatWasExpectedAndWhatWasFound) {
  for (const char* text : {"0", "-1", "1.5", "many", "", "7 ", "99999999999"})
    EXPECT_EQ(OwnNumber(With(text), "batches", 3, {.low = 1}).status().message(),
              fmt::format("option batches (command line): expected an integer of at least 1, found '{}'", text));
  for (const char* text : {"-0.1", "1.1", "nan", "inf", "half"})
    EXPECT_EQ(OwnNumber(With(text), "batches", 3.0, {.low = 0, .high = 1}).status().message(),
              fmt::format("option batches (command line): expected a number from 0 to 1, found '{}'", text));
}

}  // namespace
}  // namespace riffle
