#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/described_option.h"
#include "cli/run.h"

namespace riffle {
namespace {

constexpr size_t kTextColumn = 30;  // where explanations begin
constexpr size_t kMinTextColumns = 30;

/// `text` in lines of at most `columns`, each after the first indented to the column of explanations.
std::string Wrapped(std::string_view text, size_t columns) {
  std::string wrapped;
  while (text.size() > columns) {
    size_t cut = text.rfind(' ', columns);
    if (cut == std::string_view::npos) cut = std::min(text.find(' '), text.size());
    wrapped += text.substr(0, cut);
    text.remove_prefix(std::min(cut + 1, text.size()));
    if (!text.empty()) wrapped += '\n' + std::string(kTextColumn, ' ');
  }
  return wrapped + std::string(text) + '\n';
}

std::string Entry(const std::string& head, const std::string& text, int width) {
  const size_t columns = std::max(kMinTextColumns, static_cast<size_t>(std::max(0, width)) - kTextColumn);
  const bool fits = head.size() + 2 <= kTextColumn;
  const std::string gap = fits ? std::string(kTextColumn - head.size(), ' ') : '\n' + std::string(kTextColumn, ' ');
  return head + gap + Wrapped(text, columns);
}

std::string OptionEntry(const DescribedOption& option, int width) {
  std::string head = option.short_name ? fmt::format("  -{}, --{}", option.short_name, option.name)
                                       : fmt::format("  --{}", option.name);
  if (!option.value_name.empty()) head += fmt::format(" {}", option.value_name);
  return Entry(head, option.Text(), width);
}

}  // namespace

std::string Overview() {
  std::string text =
      "riffle: ShuffleNetV1 trained, validated and run from one binary\n\n"
      "Usage: riffle COMMAND [OPTION...]\n\nCommands:\n";
  for (const Command& command : Commands()) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  text += "\n'riffle help COMMAND' shows examples and options; 'riffle --version' the version.\n\nExit codes:\n";
  for (const ExitCodeRow& row : ExitCodes()) text += fmt::format("  {:<4} {}\n", row.exit_code, row.meaning);
  return text;
}

std::string HelpFor(const Command& command, int width) {
  std::string text = fmt::format("riffle {}: {}\n\nUsage: riffle {}{}{} [OPTION...]\n", command.name, command.summary,
                                 command.name, command.argument_name.empty() ? "" : " ", command.argument_name);
  if (!command.examples.empty()) text += "\nExamples:\n";
  for (const Example& example : command.examples) {
    text += fmt::format("  riffle {}\n      {}\n", example.arguments, example.what);
  }
  std::string_view heading;
  const std::vector<DescribedOption> options = DescribedOptions(command);
  for (const DescribedOption& option : options) {
    if (option.heading != heading) text += fmt::format("\n{}\n", option.heading);
    heading = option.heading;
    text += OptionEntry(option, width);
  }
  if (options.size() > command.own_options.size()) text += fmt::format("\n{}\n", kHowOptionsAreWritten);
  return text;
}

}  // namespace riffle
