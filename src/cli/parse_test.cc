// The command line as a user meets it: every way to write an option, every mistake, help and exit codes.
#include "cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "cli/help.h"
#include "cli/run.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

/// A command that takes options only.
Command Plain() {
  return {.name = "plain",
          .summary = "",
          .options = {.names = {"config", "distribute", "lr", "epoch_size", "dataset", "shuffle", "val_while_train",
                                "opt", "data_dir"}},
          .own_options =
              {{.name = "json", .value_name = "FILE", .help = "", .short_name = 'o', .value = OwnValue::kOutput}},
          .run = nullptr};
}

/// A command that takes files, too.
Command WithFiles() {
  return {.name = "files",
          .summary = "",
          .options = {.names = {"lr", "shuffle"}},
          .own_options = {{.name = "json", .value_name = "", .help = "", .prints = true},
                          {.name = "online", .value_name = "", .help = ""},
                          {.name = "csv", .value_name = "FILE", .help = "", .short_name = 't'}},
          .argument_name = "PICTURE...",
          .run = nullptr};
}

Invocation Parsed(const Command& command, const Words& words) {
  Result<Invocation> invocation = ParseCommandLine(command, words);
  EXPECT_TRUE(invocation.ok()) << invocation.status().message();
  return invocation.ok() ? *invocation : Invocation{};
}

std::string Error(const Command& command, const Words& words) {
  const Result<Invocation> invocation = ParseCommandLine(command, words);
  EXPECT_FALSE(invocation.ok()) << testing::PrintToString(words);
  return invocation.status().message();
}

TEST(ParseTest, AnOptionMayBeWrittenInThreeWays) {
  for (const Words& words : {Words{"--lr", "0.5"}, Words{"--lr=0.5"}, Words{"lr=0.5"}}) {
    const Invocation invocation = Parsed(Plain(), words);
    EXPECT_EQ(invocation.settings.options.lr, 0.5);
    EXPECT_EQ(invocation.settings.origins.at("lr"), "command line");
  }
  EXPECT_EQ(Parsed(Plain(), {"--dataset="}).settings.options.dataset, "");
  EXPECT_EQ(Parsed(Plain(), {"--data_dir=a=b"}).settings.options.data_dir, "a=b");
}

TEST(ParseTest, TheLastOfTheSameOptionCounts) {
  EXPECT_EQ(Parsed(Plain(), {"--lr=1", "lr=2", "--lr", "3"}).settings.options.lr, 3);
}

TEST(ParseTest, AFlagAloneMeansYesAndMayTakeAWord) {
  EXPECT_TRUE(Parsed(Plain(), {"--val_while_train"}).settings.options.val_while_train);
  EXPECT_TRUE(Parsed(Plain(), {"--val_while_train", "--lr=1"}).settings.options.val_while_train);
  EXPECT_FALSE(Parsed(Plain(), {"--shuffle", "False"}).settings.options.shuffle);
  EXPECT_FALSE(Parsed(Plain(), {"--shuffle=no"}).settings.options.shuffle);
  const Invocation before_equals = Parsed(Plain(), {"--val_while_train", "dataset=cifar10"});
  EXPECT_TRUE(before_equals.settings.options.val_while_train);
  EXPECT_EQ(before_equals.settings.options.dataset, "cifar10");
  EXPECT_THAT(Error(Plain(), {"--shuffle", "maybe"}), HasSubstr("found 'maybe'"));
}

TEST(ParseTest, AFlagIsTurnedOffByNoBeforeItsName) {
  for (const char* word : {"--no-shuffle", "--no_shuffle"}) {
    const Invocation invocation = Parsed(Plain(), {word, "--lr=1"});
    EXPECT_FALSE(invocation.settings.options.shuffle) << word;
    EXPECT_EQ(invocation.settings.options.lr, 1) << word;
  }
  EXPECT_TRUE(Parsed(Plain(), {"--no-shuffle", "--shuffle"}).settings.options.shuffle) << "the last one counts";
  EXPECT_EQ(Parsed(Plain(), {"--no-distribute"}).settings.options.distribute, std::optional(false));
  EXPECT_THAT(Error(Plain(), {"--no-shuffle=True"}), HasSubstr("it takes no value, found 'True'"));
  EXPECT_THAT(Error(Plain(), {"--no-lr"}), HasSubstr("unknown option 'no-lr'"));
}

TEST(ParseTest, AFlagThatIsTurnedOffOtherwiseSaysHowItIsWritten) {
  for (const char* word :
       {"--no-val-while-train", "--no_val-while-train", "--noval_while_train", "--no-val-while-train=1"})
    EXPECT_THAT(Error(Plain(), {word}), EndsWith("; it is written '--no-val_while_train'")) << word;
  EXPECT_THAT(Error(Plain(), {"--noshuffle"}), EndsWith("; it is written '--no-shuffle'"));
  EXPECT_EQ(Error(Plain(), {"--no-data_dir"}),
            "unknown option 'no-data_dir' (command line); data_dir is no yes-or-no option: leave it out, or give its "
            "value");
  EXPECT_THAT(Error(WithFiles(), {"--no-json"}), HasSubstr("leave --json out"));
  EXPECT_THAT(Error(Plain(), {"--nose"}), HasSubstr("the nearest one is"));
}

TEST(ParseTest, NamesAreWrittenWithUnderscores) {
  EXPECT_EQ(Error(Plain(), {"--data-dir=x"}), "unknown option '--data-dir' (command line); it is written '--data_dir'");
  EXPECT_THAT(Error(Plain(), {"--learning-rate=1"}), HasSubstr("'--lr'"));
}

TEST(ParseTest, PathsBeginInTheHomeFolderAndADashIsTheStandardOutput) {
  const std::string home = *ExpandHome("~");
  EXPECT_EQ(Parsed(Plain(), {"--data_dir=~/photos"}).settings.options.data_dir, home + "/photos");
  EXPECT_EQ(Parsed(Plain(), {"--json=~/v.json"}).own.at("json"), home + "/v.json");
  EXPECT_EQ(Parsed(Plain(), {"-o", "-"}).own.at("json"), "/dev/stdout");
  EXPECT_THAT(Error(Plain(), {"--data_dir=~ada/photos"}), HasSubstr("option data_dir (command line): expected a path"));
  EXPECT_THAT(Error(Plain(), {"--json=~ada"}), HasSubstr("option json (command line): expected a path"));
  EXPECT_THAT(Parsed(WithFiles(), {"~/a.jpg", "a~", "--", "~"}).arguments, ElementsAre(home + "/a.jpg", "a~", home));
  EXPECT_THAT(Error(WithFiles(), {"~ada/a.jpg"}), HasSubstr("'~ada/a.jpg' (command line): expected a path"));
}

TEST(ParseTest, AFlagBeforeAFileDoesNotSwallowIt) {
  const Invocation invocation = Parsed(WithFiles(), {"--shuffle", "a.jpg", "--json", "b.jpg"});
  EXPECT_TRUE(invocation.settings.options.shuffle);
  EXPECT_TRUE(invocation.Has("json"));
  EXPECT_THAT(invocation.arguments, ElementsAre("a.jpg", "b.jpg"));
}

TEST(ParseTest, FilesMayHaveAnyName) {
  const Invocation invocation = Parsed(WithFiles(), {"a=b.jpg", "lr=0.5", "--", "--lr", "-x", "lr=3"});
  EXPECT_THAT(invocation.arguments, ElementsAre("a=b.jpg", "--lr", "-x", "lr=3"));
  EXPECT_EQ(invocation.settings.options.lr, 0.5);
}

TEST(ParseTest, ANegativeNumberIsAValueAnOptionIsNot) {
  EXPECT_THAT(Error(Plain(), {"--epoch_size", "-1"}), HasSubstr("expected an integer of at least 1, found '-1'"));
  EXPECT_THAT(Error(Plain(), {"--lr", "--epoch_size=1"}), HasSubstr("expected a number of at least 0, found nothing"));
  EXPECT_THAT(Error(Plain(), {"--lr"}), HasSubstr("found nothing"));
}

TEST(ParseTest, TheCommandsOwnOptionsAreRead) {
  for (const Words& words : {Words{"--json", "f"}, Words{"--json=f"}, Words{"-o", "f"}, Words{"json=f"}}) {
    EXPECT_EQ(Parsed(Plain(), words).own.at("json"), "f");
  }
  EXPECT_FALSE(Parsed(Plain(), {}).Has("json"));
  EXPECT_THAT(Error(Plain(), {"--json"}), HasSubstr("expected FILE, found nothing"));
  EXPECT_THAT(Error(WithFiles(), {"--json=f"}), HasSubstr("takes no value"));
}

TEST(ParseTest, AFlagThatPrintsTakesNoFileAndSaysWhatToWrite) {
  const char* const kError =
      "option json (command line): it takes no value, found 'new.json'; it prints: write '--json > FILE'";
  EXPECT_EQ(Error(WithFiles(), {"--json=new.json", "a.jpg"}), kError);
  EXPECT_EQ(Error(WithFiles(), {"json=new.json", "a.jpg"}), kError);
  EXPECT_EQ(Error(WithFiles(), {"--json", "new.json", "a.jpg"}), kError);
  EXPECT_EQ(Error(WithFiles(), {"a.jpg", "--json", "new.json"}), kError);
  EXPECT_THAT(Error(WithFiles(), {"a.jpg", "--json", "no/folder/new.txt"}), HasSubstr("it prints"));
  // What may be a picture or a folder is one, and an absent one is told when it is read.
  const std::filesystem::path there = TestFolder() / "list.json";
  ASSERT_TRUE(WriteFileAtomically(there, "").ok());
  for (const std::string& word : {there.string(), std::string("new.JPG"), std::string("new"), std::string("-")})
    EXPECT_THAT(Parsed(WithFiles(), {"--json", word}).arguments, ElementsAre(word));
  EXPECT_THAT(Parsed(WithFiles(), {"--json", "--", "new.json"}).arguments, ElementsAre("new.json"));
  EXPECT_THAT(Parsed(WithFiles(), {"--online", "new.json"}).arguments, ElementsAre("new.json")) << "it prints nothing";
}

TEST(ParseTest, WithoutArgumentsAWordBehindAFlagIsMeantAsItsValue) {
  const auto error = [](const char* command, const Words& words) { return Error(**FindCommand(command), words); };
  for (const char* command : {"summary", "models", "export"}) {
    for (const char* word : {"new.json", "new", "-"})
      EXPECT_EQ(error(command, {"--json", word}),
                fmt::format("option json (command line): it takes no value, found '{}'; it prints: write '--json > "
                            "FILE'",
                            word));
  }
  EXPECT_EQ(error("models", {"--pretrained", "mindcv"}),
            "option pretrained (command line): it takes no value, found 'mindcv'");
  EXPECT_THAT(error("export", {"--check", "a.onnx"}), HasSubstr("option check (command line): it takes no value"));
  EXPECT_TRUE(Parsed(**FindCommand("summary"), {"--json", "model=shufflenet_v1_g3_x0_5"}).Has("json"));
}

TEST(ParseTest, EveryFlagThatShowsJsonPrintsIt) {
  for (const Command& command : Commands())
    for (const CommandOption& own : command.own_options)
      EXPECT_EQ(own.prints, own.name == "json" && own.value_name.empty()) << command.name << " --" << own.name;
}

TEST(ParseTest, AnOptionIsNoValueOfTheOneBeforeIt) {
  for (const char* next : {"--lr=1", "-c", "-o", "lr=1", "json=f"})
    EXPECT_EQ(Error(Plain(), {"--json", next}), "option json (command line): expected FILE, found nothing") << next;
  EXPECT_THAT(Error(Plain(), {"--data_dir", "lr=1"}), HasSubstr("option data_dir (command line): expected"));
  EXPECT_EQ(Parsed(Plain(), {"--json", "a=b"}).own.at("json"), "a=b") << "there is no option a";
  EXPECT_EQ(Parsed(Plain(), {"--json", "-"}).own.at("json"), "/dev/stdout");
}

TEST(ParseTest, OwnOptionsNeedNoDashesWhereThereAreFilesEither) {
  const Invocation invocation = Parsed(WithFiles(), {"a.jpg", "csv=t.csv", "csv.jpg"});
  EXPECT_EQ(invocation.own.at("csv"), "t.csv");
  EXPECT_THAT(invocation.arguments, ElementsAre("a.jpg", "csv.jpg"));
}

TEST(ParseTest, AnOwnOptionThatKnowsWordsTakesNoOther) {
  const auto error = [](const char* command, const char* word) {
    const std::vector<std::string> words = {word};
    return ParseCommandLine(**FindCommand(command), words).status().message();
  };
  EXPECT_EQ(error("import", "--channels=bgr"), "");
  EXPECT_EQ(error("import", "--channels=BGR"), "option channels (command line): expected rgb or bgr, found 'BGR'");
  EXPECT_EQ(error("import", "--conventions=foo"),
            "option conventions (command line): expected auto, mindcv, megvii, paper, mmpretrain or pytorchcv, found "
            "'foo'");
  EXPECT_EQ(error("explain", "--class=cat"), "") << "NAME|INDEX are no words";
}

TEST(ParseTest, TheNearestOfTheChoicesIsAWord) {
  EXPECT_THAT(Settings().Set("pretrained", "foo", "test").message(),
              AllOf(HasSubstr("found 'foo'; the nearest one is '"), ::testing::Not(HasSubstr("nearest one is ''"))));
}

TEST(ParseTest, WhatIsUnknownNamesTheNearest) {
  EXPECT_EQ(Error(Plain(), {"--lrr=1"}), "unknown option 'lrr' (command line); the nearest one is '--lr'");
  EXPECT_THAT(Error(Plain(), {"datasett=cifar10"}), HasSubstr("'--dataset'"));
  EXPECT_THAT(Error(Plain(), {"--jsn"}), HasSubstr("'--json'"));
  EXPECT_THAT(Error(Plain(), {"-x"}), HasSubstr("unknown option '-x'"));
  EXPECT_THAT(Error(Plain(), {"cifar10"}), HasSubstr("unexpected 'cifar10'"));
  EXPECT_THAT(Error(Plain(), {"--", "cifar10"}), HasSubstr("unexpected 'cifar10'"));
  EXPECT_EQ(Error(Plain(), {"--seed=1"}),
            "option seed (command line): 'riffle plain' does not use it; 'riffle help plain' lists its options");
}

class ParseFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& yaml) {
    std::ofstream(path_) << yaml;
    return path_.string();
  }
  const std::filesystem::path path_ = TestFolder() / "options.yaml";
};

TEST_F(ParseFileTest, TheCommandLineOverridesTheFileWhereverItStands) {
  const std::string file = Write("lr: 0.4\nepoch_size: 250\n");
  for (const Words& words : {Words{"-c", file, "lr=0.1"}, Words{"--lr=0.1", "--config", file},
                             Words{"lr=0.1", "--config=" + file}, Words{"-c=" + file, "--lr", "0.1"}}) {
    const Settings settings = Parsed(Plain(), words).settings;
    EXPECT_EQ(settings.options.lr, 0.1);
    EXPECT_EQ(settings.options.epoch_size, 250);
    EXPECT_EQ(settings.options.config, file);
    EXPECT_EQ(settings.origins.at("epoch_size"), file + " line 2");
  }
}

TEST_F(ParseFileTest, AFileMaySetWhatOtherCommandsUse) {
  EXPECT_EQ(Parsed(Plain(), {"-c", Write("seed: 7\n")}).settings.options.seed, 7);
}

TEST_F(ParseFileTest, AMissingFileAndAWrongOneAreErrors) {
  EXPECT_THAT(Error(Plain(), {"-c", "/nowhere.yaml"}), HasSubstr("/nowhere.yaml"));
  const std::string file = Write("modell: x\n");
  EXPECT_EQ(Error(Plain(), {"-c", file}), "unknown option 'modell' (" + file + " line 1); the nearest one is 'model'");
}

// ---- The whole binary without its main. ----

struct Outcome {
  int exit_code;
  std::string out, err;
};
Outcome Riffle(const Words& words) {
  std::ostringstream out, err;
  const int exit_code = RunCommandLine(words, {out, 0}, err);
  return {exit_code, out.str(), err.str()};
}

TEST(RunTest, HelpListsEveryCommandAndEveryExitCode) {
  for (const Words& words : {Words{}, Words{"--help"}, Words{"-h"}, Words{"help"}}) {
    const Outcome outcome = Riffle(words);
    EXPECT_EQ(outcome.exit_code, 0);
    for (const Command& command : Commands()) EXPECT_THAT(outcome.out, HasSubstr(command.name));
    for (const ExitCodeRow& row : ExitCodes()) EXPECT_THAT(outcome.out, HasSubstr(row.meaning));
  }
  EXPECT_THAT(Riffle({"--version"}).out, MatchesRegex("riffle [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(RunTest, EveryKindOfErrorHasAnExitCodeOfItsOwn) {
  std::vector<int> codes;
  for (const ExitCodeRow& row : ExitCodes()) codes.push_back(row.exit_code);
  EXPECT_THAT(codes, ElementsAre(0, 1, 2, 3, 4, 5, 6, 129, 130, 138, 140, 141, 143, 152));
  for (ErrorCode code : {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kDataLoss, ErrorCode::kIo,
                         ErrorCode::kUnavailable}) {
    EXPECT_EQ(std::ranges::count(ExitCodes(), std::optional(code), &ExitCodeRow::error), 1);
  }
  EXPECT_EQ(std::ranges::count(ExitCodes(), std::optional(ErrorCode::kInterrupted), &ExitCodeRow::error), 7)
      << "one for each signal";
}

TEST(ParseTest, ResumeTakesAutoAndSaysWhatElseWasMeant) {
  const auto error = [](const Words& words) {
    Words train = {"train"};
    train.insert(train.end(), words.begin(), words.end());
    const Outcome outcome = Riffle(train);
    EXPECT_EQ(outcome.exit_code, 2);
    return outcome.err;
  };
  EXPECT_THAT(error({"--resume=ckpt/a.safetensors"}), AllOf(HasSubstr("option resume (command line): expected 'auto'"),
                                                            HasSubstr("use --ckpt_path=ckpt/a.safetensors")));
  EXPECT_THAT(error({"--resume=latest"}), testing::Not(HasSubstr("--ckpt_path"))) << "there is no such file";
  for (const char* flag : {"True", "yes", "1", "no"})
    EXPECT_THAT(error({std::string("--resume=") + flag}),
                AllOf(HasSubstr("expected 'auto' to go on with the run in ckpt_save_dir"), HasSubstr(flag)));
  EXPECT_THAT(error({"--resume"}), HasSubstr("expected one of '', auto, found nothing"));
  EXPECT_THAT(error({"--ckpt_path=auto"}), HasSubstr("--resume=auto goes on"));
}

TEST(RunTest, AnErrorIsOneLineOnStandardError) {
  const Outcome unknown = Riffle({"trian"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.out, IsEmpty());
  EXPECT_EQ(unknown.err,
            "riffle: error: unknown command 'trian'; the nearest one is 'train', and 'riffle --help' lists all\n");
  EXPECT_EQ(Riffle({"models", "--jsno"}).exit_code, 2);
  EXPECT_EQ(Riffle({"summary", "-c", "/nowhere.yaml"}).exit_code, 3);
  const Outcome newline = Riffle({"summary", "--a\nb=1"});
  EXPECT_EQ(std::ranges::count(newline.err, '\n'), 1) << newline.err;
}

TEST(RunTest, AFullDiskIsAnError) {
  std::ofstream full("/dev/full");
  if (!full) GTEST_SKIP() << "this system has no /dev/full";
  std::ostringstream err;
  EXPECT_EQ(RunCommandLine(Words{"models"}, {full, 0}, err), 5);
  EXPECT_THAT(err.str(), HasSubstr("standard output"));
}

TEST(HelpTest, ShowsExactlyTheOptionsThatTheCommandUses) {
  for (const Command& command : Commands()) {
    const Words by_help = {"help", std::string(command.name)}, by_option = {std::string(command.name), "--help"};
    const std::string help = Riffle(by_help).out;
    EXPECT_EQ(help, Riffle(by_option).out);
    EXPECT_THAT(help, AllOf(StartsWith("riffle " + std::string(command.name)), HasSubstr("Examples:")));
    for (std::string_view name : command.options.names) EXPECT_NE(FindOption(name), nullptr) << name;
    for (const OptionRow& row : OptionTable()) {
      const bool own =
          std::ranges::find(command.own_options, row.name, &CommandOption::name) != command.own_options.end();
      EXPECT_EQ(help.find(fmt::format("--{} ", row.name)) != std::string::npos, command.Uses(row.name) || own)
          << row.name << " in\n"
          << help;
    }
  }
}

TEST(HelpTest, TheExamplesOfEveryCommandParse) {
  for (const Command& command : Commands()) {
    for (const Example& example : command.examples) {
      std::istringstream text{std::string(example.arguments)};
      Words words;
      for (std::string word; text >> word;) words.push_back(word);
      ASSERT_EQ(words[0], command.name);
      std::erase(words, "-c");  // the recipe lies in the repository, not here
      std::erase_if(words, [](const std::string& word) { return word.ends_with(".yaml"); });
      const auto invocation = ParseCommandLine(command, std::span(words).subspan(1));
      EXPECT_TRUE(invocation.ok()) << example.arguments << ": " << invocation.status().message();
    }
  }
}

TEST(HelpTest, GroupsOptionsAndShowsChoicesAndDefaults) {
  const Command command = Plain();
  const std::string help = HelpFor(command, 100);
  EXPECT_THAT(help, HasSubstr("\nLearning rate\n  --lr X                      highest learning rate [0.001]\n"));
  EXPECT_THAT(help,
              HasSubstr("\n  --opt NAME                  optimizer (one of sgd, momentum, nesterov, adam, adamw, "));
  EXPECT_THAT(help, HasSubstr("\n  -o, --json FILE"));
}

TEST(HelpTest, EndsWithWhatDoesNothing) {
  const std::string help = HelpFor(Plain(), 100);
  EXPECT_THAT(
      help,
      HasSubstr(
          "\nWithout effect here, for files of MindCV's\n  --mode NAME                 there is one way to execute\n"));
}

TEST(HelpTest, WrapsToTheTerminal) {
  for (int width : {70, 80, 120}) {
    std::istringstream lines(HelpFor(Plain(), width));
    bool in_options = false;
    for (std::string line; std::getline(lines, line);) {
      in_options = in_options ? !line.starts_with("Write") : line == "General";
      if (in_options) {
        EXPECT_LE(line.size(), static_cast<size_t>(width)) << line;
      }
    }
  }
}

}  // namespace
}  // namespace riffle
