// The help, made from the tables of commands, options and exit codes.
#pragma once

#include <string>

#include "cli/command.h"

namespace riffle {

/// What `riffle --help` shows: the commands and the exit codes.
std::string Overview();

/// What `riffle help COMMAND` shows: examples, then the options it uses, grouped, with defaults, wrapped to `width`.
std::string HelpFor(const Command& command, int width);

}  // namespace riffle
