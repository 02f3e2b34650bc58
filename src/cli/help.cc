#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/run.h"
#include "settings/accepted_options.h"

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

std::string OptionEntry(const OptionRow& row, int width) {
  std::string text(row.help);
  if (row.limits.choices.size() > 1) text += " (" + Expected(row) + ")";
  std::string value = ShowValue(row, Options{});
  if (value.starts_with('[')) value = value.substr(1, value.size() - 2);  // a list, in the brackets of a default
  if (!value.empty()) text += " [" + value + "]";
  return Entry(fmt::format("  --{} {}", row.name, ValueName(row)), text, width);
}

std::string OwnEntry(const CommandOption& own, int width) {
  std::string head =
      own.short_name ? fmt::format("  -{}, --{}", own.short_name, own.name) : fmt::format("  --{}", own.name);
  if (!own.value_name.empty()) head += fmt::format(" {}", own.value_name);
  return Entry(head, std::string(own.help), width);
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
  if (!command.own_options.empty()) text += fmt::format("\nOptions of {}\n", command.name);
  for (const CommandOption& own : command.own_options) text += OwnEntry(own, width);

  std::string_view heading;
  for (const OptionRow& row : OptionTable()) {
    if (!command.options.Contains(row)) continue;
    if (Title(row.group) != heading) text += fmt::format("\n{}\n", Title(row.group));
    heading = Title(row.group);
    text += OptionEntry(row, width);
  }
  if (command.TakesAccepted()) {
    text += fmt::format("\n{}\n", Title(OptionGroup::kAccepted));
    for (const AcceptedOption& option : AcceptedOptions()) {
      const OptionRow& row = option.row;
      text += Entry(fmt::format("  --{} {}", row.name, ValueName(row)), std::string(row.help), width);
    }
  }
  if (!heading.empty()) {
    text +=
        "\nWrite --name value, --name=value or name=value, and a yes-or-no option alone for yes, --no-name for no;\n"
        "or 'name: value' in a YAML file. The command line overrides the file, the file the defaults, which stand in\n"
        "[brackets] above.\n";
  }
  return text;
}

}  // namespace riffle
