#include "base/child.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(RunChild, TellsWhatAProgramWroteAndHowItEnded) {
  const Result<ChildOutcome> child = RunChild({"sh", "-c", "echo out; echo err >&2; cat; exit 3"});
  ASSERT_TRUE(child.ok()) << child.status().message();
  EXPECT_EQ(child->exit_code, 3);
  EXPECT_EQ(child->out, "out\n");
  EXPECT_EQ(child->err, "err\n");
  EXPECT_EQ(RunChild({"sh", "-c", "kill -9 $$"})->exit_code, 128 + 9);
}

TEST(RunChild, HandsWordsOverAsTheyAre) {
  EXPECT_EQ(RunChild({"printf", "%s|", "a b", "$HOME", "'\"", ""})->out, "a b|$HOME|'\"||");
}

TEST(RunChild, HoldsMoreThanAPipe) { EXPECT_EQ(RunChild({"seq", "100000"})->out.size(), 588895u); }

TEST(RunChild, NamesAProgramThatIsNotThere) {
  const Result<ChildOutcome> child = RunChild({"no-such-program-of-riffle"});
  EXPECT_EQ(child.status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(child.status().message(), "expected a program no-such-program-of-riffle, found none");
}

}  // namespace
}  // namespace riffle
