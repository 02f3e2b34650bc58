#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "cli/run.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

std::string Output(const std::vector<std::string>& words) {
  std::ostringstream out, err;
  EXPECT_EQ(RunCommandLine(words, {out, 0}, err), 0) << err.str();
  return out.str();
}

TEST(Man, ThePageOfACommandHasItsOptionsAndExamples) {
  const std::string page = Output({"man", "train"});
  EXPECT_THAT(page, HasSubstr(".TH \"RIFFLE\\-TRAIN\" 1 "));
  EXPECT_THAT(page, HasSubstr(".SS \"Learning rate\"\n"));
  EXPECT_THAT(page, HasSubstr("\n.TP\n\\fB\\-\\-lr\\fR \\fIX\\fR\nhighest learning rate [0.001]\n"));
  EXPECT_THAT(page, HasSubstr("\\fBriffle train \\-\\-model=shufflenet_v1_g3_x0_5"));
  for (const OptionRow& row : OptionTable()) EXPECT_THAT(page, HasSubstr(fmt::format("\\fB\\-\\-{}\\fR", row.name)));
}

TEST(Man, TheFirstPageHasTheCommandsAndTheExitCodes) {
  const std::string page = Output({"man"});
  for (const Command& command : Commands()) {
    EXPECT_THAT(page, HasSubstr(fmt::format("\n.TP\n\\fB{}\\fR\n", command.name)));
    EXPECT_THAT(page, HasSubstr(fmt::format("\\fBriffle\\-{}\\fR(1)", command.name)));
  }
  for (const ExitCodeRow& row : ExitCodes()) EXPECT_THAT(page, HasSubstr(fmt::format("\\fB{}\\fR", row.exit_code)));
}

TEST(Man, AllPagesAreWrittenAndGroffHasNothingToSayOfThem) {
  const std::filesystem::path folder = TestFolder() / "new" / "man1";
  EXPECT_EQ(Output({"man", "--all", folder.string()}), "");
  EXPECT_EQ(*ReadTextFile(folder / "riffle.1"), Output({"man"}));
  for (const Command& command : Commands())
    EXPECT_EQ(*ReadTextFile(folder / fmt::format("riffle-{}.1", command.name)),
              Output({"man", std::string(command.name)}));
  if (std::system("command -v groff > /dev/null") != 0) GTEST_SKIP() << "no groff";
  const std::filesystem::path said = TestFolder() / "said";
  const std::string check =
      fmt::format("for f in {}/*; do groff -ww -k -man -Tutf8 -z $f; done 2> {}", folder.string(), said.string());
  EXPECT_EQ(std::system(check.c_str()), 0);
  EXPECT_EQ(*ReadTextFile(said), "");
}

TEST(Man, AnUnknownCommandIsAnErrorThatNamesTheNearest) {
  std::ostringstream out, err;
  EXPECT_EQ(RunCommandLine(std::vector<std::string>{"man", "trian"}, {out, 0}, err), 2);
  EXPECT_THAT(err.str(), HasSubstr("'train'"));
  EXPECT_EQ(RunCommandLine(std::vector<std::string>{"man", "train", "validate"}, {out, 0}, err), 2);
  EXPECT_EQ(RunCommandLine(std::vector<std::string>{"man", "train", "--all", "/nowhere/x"}, {out, 0}, err), 2);
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace riffle
