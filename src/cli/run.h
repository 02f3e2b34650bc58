// The binary without its main: words in, an exit code out.
#pragma once

#include <exception>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cli/command.h"

namespace riffle {

/// Of a run that a signal ended: this and the signal's number, as shells have it.
inline constexpr int kSignalExitCode = 128;

/// What an exit code means.
struct ExitCodeRow {
  int exit_code;
  std::optional<ErrorCode> error;  ///< the kind of Status that ends in it
  std::string_view meaning;
};
std::span<const ExitCodeRow> ExitCodes();

/// Tells an error in one line on `err`, "riffle: error: ..."; nothing where its message is empty, for another process
/// has told it. Returns its exit code.
int TellError(const Status& status, std::ostream& err);

/// Why `riffle words...` ended in this exception: no memory could hold what it needed. Says how much was asked of a
/// device, and what to do where the command has options for it.
Status OutOfMemory(std::span<const std::string> words, const std::exception& error);

/// Runs `riffle words...`. An error is one line on `err`, "riffle: error: ...", whatever it came from; a run that a
/// signal ended says "riffle: stopped by ...".
int RunCommandLine(std::span<const std::string> words, const Console& console, std::ostream& err);

}  // namespace riffle
