#include "cli/described_option.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "settings/accepted_options.h"

namespace riffle {
namespace {

DescribedOption Described(const Command& command, const CommandOption& own) {
  return {.heading = fmt::format("Options of {}", command.name),
          .name = own.name,
          .short_name = own.short_name,
          .value_name = own.value_name,
          .help = own.help,
          .choices_and_default = "",
          .choices = WordsOf(own.value_name),
          .is_path = own.value != OwnValue::kPlain};
}

DescribedOption Described(OptionGroup group, const OptionRow& row) {
  DescribedOption option{.heading = std::string(Title(group)),
                         .name = row.name,
                         .value_name = ValueName(row),
                         .value_is_optional = IsFlag(row),
                         .help = row.help,
                         .choices_and_default = "",
                         .choices = row.limits.choices,
                         .is_path = row.limits.is_path};
  if (IsFlag(row)) option.choices = {"true", "false"};
  std::erase(option.choices, "");
  return option;
}

std::string ChoicesAndDefault(const OptionRow& row) {
  std::string text;
  if (row.limits.choices.size() > 1) text = fmt::format("({})", Expected(row));
  std::string value = ShowValue(row, Options{});
  if (value.starts_with('[')) value = value.substr(1, value.size() - 2);  // a list, in the brackets of a default
  if (!value.empty()) text += fmt::format("{}[{}]", text.empty() ? "" : " ", value);
  return text;
}

}  // namespace

std::string DescribedOption::Text() const {
  return choices_and_default.empty() ? std::string(help) : fmt::format("{} {}", help, choices_and_default);
}

std::vector<DescribedOption> DescribedOptions(const Command& command) {
  std::vector<DescribedOption> options;
  for (const CommandOption& own : command.own_options) options.push_back(Described(command, own));
  for (const OptionRow& row : OptionTable()) {
    if (!command.options.Contains(row)) continue;
    options.push_back(Described(row.group, row));
    options.back().choices_and_default = ChoicesAndDefault(row);
  }
  if (command.TakesAccepted())
    for (const AcceptedOption& option : AcceptedOptions())
      options.push_back(Described(OptionGroup::kAccepted, option.row));
  return options;
}

std::vector<std::string_view> WordsOf(std::string_view placeholder) {
  const std::string_view first = placeholder.substr(0, placeholder.find(' '));
  const bool spells_words = first.find('|') != std::string_view::npos && Lowercase(first) == first;
  return spells_words ? Split(first, '|') : std::vector<std::string_view>();
}

}  // namespace riffle
