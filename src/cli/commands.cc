// The list of commands.
#include "cli/command.h"

namespace riffle {

std::span<const Command> Commands() {
  static const std::vector<Command> commands = {
      TrainCommand(),       ValidateCommand(), PredictCommand(), ExplainCommand(), ImportCommand(), ExportCommand(),
      RecalibrateCommand(), ModelsCommand(),   SummaryCommand(), BenchCommand(),   DataCommand(),   AugmentCommand()};
  return commands;
}

}  // namespace riffle
