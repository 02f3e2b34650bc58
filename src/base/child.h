// Other programs, run to their end: compilers and interpreters that check what was exported.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace riffle {

/// How a program ended, and what it wrote.
struct ChildOutcome {
  int exit_code = 0;  ///< 128 and the signal's number where one ended it, as shells have it
  std::string out, err;
};

/// Runs words[0], looked for along PATH, with the other words as they are (no shell) and nothing to read. Errors:
/// NotFound where there is no such program, IoError where the system cannot run it.
Result<ChildOutcome> RunChild(const std::vector<std::string>& words);

}  // namespace riffle
