// The list of commands.
#include <algorithm>

#include "base/text.h"
#include "cli/command.h"

namespace riffle {

std::span<const Command> Commands() {
  static const std::vector<Command> commands = {
      TrainCommand(),  ValidateCommand(),    PredictCommand(), ExplainCommand(),   ImportCommand(),
      ExportCommand(), RecalibrateCommand(), ModelsCommand(),  SummaryCommand(),   BenchCommand(),
      DataCommand(),   AugmentCommand(),     ManCommand(),     CompletionCommand()};
  return commands;
}

Result<const Command*> FindCommand(std::string_view name) {
  const auto command = std::ranges::find(Commands(), name, &Command::name);
  if (command != Commands().end()) return &*command;
  std::vector<std::string_view> names = {"help"};
  for (const Command& known : Commands()) names.push_back(known.name);
  return InvalidArgument("unknown command '{}'; the nearest one is '{}', and 'riffle --help' lists all", name,
                         Nearest(name, names));
}

}  // namespace riffle
