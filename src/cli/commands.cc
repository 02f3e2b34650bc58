// The list of commands.
#include <algorithm>

#include "cli/command.h"

namespace riffle {

std::span<const Command> Commands() {
  static const std::vector<Command> commands = {TrainCommand(),       ValidateCommand(), PredictCommand(),
                                                RecalibrateCommand(), ModelsCommand(),   SummaryCommand(),
                                                BenchCommand(),       DataCommand(),     AugmentCommand()};
  return commands;
}

bool Command::Uses(std::string_view option) const { return std::ranges::find(options, option) != options.end(); }

}  // namespace riffle
