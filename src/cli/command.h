// A command of the binary: what it takes, what it shows as help, what it runs. One file each; commands.cc lists them.
#pragma once

#include <map>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "settings/option_table.h"
#include "settings/settings.h"

namespace riffle {

/// What the value of an option of one command is.
enum class OwnValue {
  kPlain,
  kPath,    ///< ~ is the home folder
  kOutput,  ///< a path, too, of a file that the command writes at its end with WriteFileAtomically: checked before it
            ///< begins; - is the standard output, to which then nothing else is written
};

/// An option that only one command has and no YAML file: --json, --out.
struct CommandOption {
  std::string_view name;
  std::string_view value_name;  ///< "FILE"; empty: it takes no value
  std::string_view help;
  char short_name = 0;  ///< 'o' for -o; 0: none
  OwnValue value = OwnValue::kPlain;
  bool prints = false;  ///< it takes no value, and what it asks for goes to the standard output
};

struct Example {
  std::string_view arguments;  ///< after "riffle "
  std::string_view what;
};

/// A command line as it was read.
struct Invocation {
  Settings settings;
  std::vector<std::string> arguments = {};                   ///< positional, in order
  std::map<std::string, std::string, std::less<>> own = {};  ///< the command's own options that were given

  bool Has(std::string_view own_option) const { return own.contains(own_option); }

  /// What was given for an own option; null if it was not.
  const std::string* Own(std::string_view own_option) const {
    const auto given = own.find(own_option);
    return given == own.end() ? nullptr : &given->second;
  }
};

/// Where a command writes what it has to say: the standard output, or the standard error if that is taken by an output.
struct Console {
  std::ostream& out;
  int terminal_width = 0;  ///< columns; 0 if `out` is no terminal
};

struct Command {
  std::string_view name;
  std::string_view summary;  ///< one line
  OptionSet options = {};    ///< of the option table
  std::vector<CommandOption> own_options = {};
  std::string_view argument_name = "";  ///< "PICTURE..."; empty: it takes no positional arguments
  std::vector<Example> examples = {};
  bool runs_together = false;  ///< in all processes that a launcher started; else it is refused there
  Status (*run)(const Invocation&, const Console&);

  bool Uses(std::string_view option) const { return options.Contains(option); }
  /// Whether it takes the options of MindCV's scripts that do nothing here (AcceptedOptions).
  bool TakesAccepted() const { return Uses("config") && Uses("data_dir"); }
};

/// All commands, in the order of the help.
std::span<const Command> Commands();

/// The command of a name. InvalidArgument for an unknown one: it names the nearest.
Result<const Command*> FindCommand(std::string_view name);

// One in each file of that name.
Command TrainCommand();
Command AugmentCommand();
Command ValidateCommand();
Command PredictCommand();
Command ExplainCommand();
Command ImportCommand();
Command RecalibrateCommand();
Command ExportCommand();
Command ModelsCommand();
Command SummaryCommand();
Command BenchCommand();
Command DataCommand();
Command ManCommand();
Command CompletionCommand();

}  // namespace riffle
