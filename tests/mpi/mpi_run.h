// For tests that start several processes.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/child.h"

namespace riffle {

using Words = std::vector<std::string>;

/// Ends what hangs after two minutes, as no job may.
inline ChildOutcome RunForTwoMinutes(Words words) {
  words.insert(words.begin(), {"timeout", "120"});
  const Result<ChildOutcome> outcome = RunChild(words);
  EXPECT_TRUE(outcome.ok()) << outcome.status().message();
  return outcome.ok() ? *outcome : ChildOutcome{.exit_code = -1};
}

/// The lines of the error stream that are ranks.cc's own, not mpirun's.
inline Words Told(const ChildOutcome& outcome) {
  Words told;
  for (size_t begin = 0, end = 0; (end = outcome.err.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = outcome.err.substr(begin, end - begin);
    if (line.starts_with("lost: ") || line.starts_with("no world: ") || line.find(" ranks: ") != std::string::npos)
      told.push_back(line);
  }
  return told;
}

}  // namespace riffle
