// From words to an Invocation. A parser of our own instead of CLI11: `name=value` without dashes, options that come
// from one table, and errors that name the place and the nearest right word do not fit CLI11's model, and what is left
// for it to do is this small.
#pragma once

#include <span>
#include <string>

#include "base/status.h"
#include "cli/command.h"

namespace riffle {

/// Reads the words after the command's name: --name value, --name=value, name=value, a bare --flag, -c FILE, positional
/// arguments where the command takes them, and -- before arguments that look like options. Values of YAML files come
/// first, whatever the order of the words; of the same option on the command line the last counts.
/// Errors: InvalidArgument, NotFound for a YAML file.
Result<Invocation> ParseCommandLine(const Command& command, std::span<const std::string> words);

}  // namespace riffle
