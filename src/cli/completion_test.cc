// What shells offer after a beginning, and whether they can read the scripts at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/testing/test_folder.h"
#include "base/text.h"
#include "cli/run.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string Script(const std::string& shell) {
  std::ostringstream out, err;
  EXPECT_EQ(RunCommandLine(std::vector<std::string>{"completion", shell}, {out, 0}, err), 0) << err.str();
  return out.str();
}

/// A file with the script of a shell.
std::filesystem::path ScriptFile(const std::string& shell) {
  const std::filesystem::path file = TestFolder() / shell;
  std::ofstream(file) << Script(shell);
  return file;
}

/// What bash offers for the last of these words, as it splits them.
std::vector<std::string> Offered(const std::string& words) {
  const std::filesystem::path file = ScriptFile("bash"), out = file.parent_path() / "out";
  const std::string program = fmt::format(
      "cd {3} && touch picture.jpg && source {0} && COMP_WORDS=({1}) && COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && "
      "_riffle; printf \"%s\\n\" \"${{COMPREPLY[@]}}\" > {2}",
      file.string(), words, out.string(), file.parent_path().string());
  EXPECT_EQ(std::system(fmt::format("bash -c '{}'", program).c_str()), 0);
  std::ifstream lines(out);
  std::vector<std::string> offered;
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) offered.push_back(line);
  return offered;
}

TEST(BashCompletion, OfCommands) {
  EXPECT_THAT(Offered("riffle tr"), ElementsAre("train"));
  EXPECT_THAT(Offered("riffle help pre"), ElementsAre("predict"));
  std::vector<std::string> all = Offered("riffle \"\"");
  for (const Command& command : Commands()) EXPECT_THAT(all, Contains(command.name));
}

TEST(BashCompletion, OfOptionsOfTheCommandAlone) {
  EXPECT_THAT(Offered("riffle train --sched"), ElementsAre("--scheduler"));
  EXPECT_THAT(Offered("riffle predict --sched"), IsEmpty());
  EXPECT_THAT(Offered("riffle predict --js"), ElementsAre("--json"));
  EXPECT_THAT(Offered("riffle train --ema --sched"), ElementsAre("--scheduler")) << "ema alone means yes";
}

TEST(BashCompletion, OfValuesHoweverTheyAreWritten) {
  for (const char* words : {"riffle train --opt mom", "riffle train --opt = mom", "riffle train opt = mom"})
    EXPECT_THAT(Offered(words), ElementsAre("momentum")) << words;
  const OptionRow& row = *FindOption("scheduler");
  EXPECT_THAT(Offered("riffle train --scheduler \"\""), SizeIs(row.limits.choices.size()));
  EXPECT_THAT(Offered("riffle train --ema = t"), ElementsAre("true"));
  EXPECT_THAT(Offered("riffle train --lr 0"), IsEmpty());
}

TEST(BashCompletion, OfFilesAndOfWordsThatTheArgumentIsOneOf) {
  EXPECT_THAT(Offered("riffle predict pic"), ElementsAre("picture.jpg"));
  EXPECT_THAT(Offered("riffle predict --json pic"), ElementsAre("picture.jpg"));
  EXPECT_THAT(Offered("riffle predict --tta_flip pic"), ElementsAre("picture.jpg")) << "tta_flip alone means yes";
  EXPECT_THAT(Offered("riffle predict --ckpt_path = pic"), ElementsAre("picture.jpg"));
  EXPECT_THAT(Offered("riffle completion z"), ElementsAre("zsh"));
  EXPECT_THAT(Offered("riffle train pic"), IsEmpty());
}

TEST(Completion, EveryScriptHasEveryOptionOfEveryCommand) {
  for (const char* shell : {"zsh", "fish"}) {
    const std::string script = Script(shell);
    for (const Command& command : Commands()) {
      EXPECT_THAT(script, HasSubstr(command.name)) << shell;
      for (const CommandOption& own : command.own_options) EXPECT_THAT(script, HasSubstr(own.name)) << shell;
    }
    for (const OptionRow& row : OptionTable()) EXPECT_THAT(script, HasSubstr(row.name)) << shell;
  }
}

class ScriptOf : public testing::TestWithParam<const char*> {};

TEST_P(ScriptOf, IsSyntaxThatTheShellReads) {
  const std::string shell = GetParam();
  if (std::system(fmt::format("command -v {} > /dev/null", shell).c_str()) != 0) GTEST_SKIP() << "no " << shell;
  EXPECT_EQ(std::system(fmt::format("{} -n {}", shell, ScriptFile(shell).string()).c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(Shells, ScriptOf, testing::Values("bash", "zsh", "fish"),
                         [](const auto& shell) { return std::string(shell.param); });

TEST(FishCompletion, OffersCommandsAndValues) {
  if (std::system("command -v fish > /dev/null") != 0) GTEST_SKIP() << "no fish";
  const std::filesystem::path file = ScriptFile("fish"), out = file.parent_path() / "out";
  const std::string program = fmt::format(
      "HOME={0} fish --no-config -c 'source {1}; complete -C \"riffle tra\"; complete -C \"riffle train --opt mom\"' > "
      "{2}",
      file.parent_path().string(), file.string(), out.string());
  ASSERT_EQ(std::system(program.c_str()), 0);
  std::ifstream text(out);
  const std::string offered((std::istreambuf_iterator<char>(text)), {});
  EXPECT_THAT(offered, AllOf(HasSubstr("train\t"), HasSubstr("momentum"), Not(HasSubstr("adamw"))));
}

TEST(Completion, AnUnknownShellIsAnErrorThatListsTheKnownOnes) {
  std::ostringstream out, err;
  EXPECT_EQ(RunCommandLine(std::vector<std::string>{"completion", "csh"}, {out, 0}, err), 2);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("bash, zsh or fish"), HasSubstr("'csh'")));
  EXPECT_EQ(RunCommandLine(std::vector<std::string>{"completion"}, {out, 0}, err), 2);
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace riffle
