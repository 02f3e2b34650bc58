// The command line: a word a line, the first is the command. Words with a '/' are left out: files of the machine are no
// part of an input. What is read is written as YAML and read again as the same.
#include <cstdlib>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/parse.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

/// Reads the words in a folder with a file of options, and with another home.
Result<Invocation> Parse(const Command& command, std::span<const std::string> words) {
  static const bool ready =
      !FuzzFile("o.yaml", "lr: 0.5\nopt: sgd\n").empty() && setenv("HOME", "/home/somebody", 1) == 0;
  Require(ready, "there is a folder");
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(FuzzFolder());
  Result<Invocation> invocation = ParseCommandLine(command, words);
  std::filesystem::current_path(here);
  return invocation;
}

void Check(std::string_view input) {
  if (input.find('/') != std::string_view::npos || input.find('\0') != std::string_view::npos) return;
  std::vector<std::string> words;
  for (const std::string_view word : Split(input, '\n')) words.emplace_back(word);
  const auto command = FindCommand(words[0]);
  if (!IsFine(command, input)) return;
  const auto invocation = Parse(**command, std::span(words).subspan(1));
  if (!IsFine(invocation, input)) return;
  Require(!(*command)->argument_name.empty() || invocation->arguments.empty(), "only some commands take arguments");
  const std::string yaml = ToYaml(invocation->settings.options);
  if (!IsUtf8(input)) return;  // a path may be anything, a file of options not
  Settings again;
  const Status read = ReadOptionsYaml(yaml, "o.yaml", again);
  Require(read.ok(), "what is written is read: " + read.message());
  again.options.config = invocation->settings.options.config;
  Require(again.options == invocation->settings.options, "options are the same");
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {"train\n-c\no.yaml\n--lr\n0.1\nopt=adam\n--no-shuffle",
                                    "predict\n--\n-a.jpg\nb=c.jpg",
                                    "train\n--val_while_train\nfalse\n--betas=0.9,0.99"};
  for (const Command& command : Commands())
    for (const Example& example : command.examples) {
      std::string seed = fmt::format("{} {}", command.name, example.arguments);
      for (char& c : seed) c = c == ' ' ? '\n' : c == '/' ? '_' : c;
      seeds.push_back(seed);
    }
  return seeds;
}

std::vector<std::string> Words() {
  std::vector<std::string> words = {"\n--", "\n", "=",    "--no-", "--no_", "\n-c\no.yaml",
                                    "~",    "-h", "true", "None",  "\n-o\n"};
  for (const Command& command : Commands()) {
    words.emplace_back(command.name);
    for (const CommandOption& own : command.own_options) words.push_back(fmt::format("\n--{}", own.name));
  }
  for (const OptionRow& row : OptionTable()) words.push_back(fmt::format("\n--{}=", row.name));
  return words;
}

}  // namespace

FuzzTarget CommandLineTarget() {
  return {.name = "command_line",
          .reads = "the words of a command line",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .max_bytes = 1024};
}

}  // namespace riffle
