// For tests: other tools, asked through Python where it has them.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "built_tree.h"

namespace riffle {

/// The Pythons that may have them: the system's, and the environment of bench/peers, which scripts/peers-venv makes.
inline std::vector<std::string> Pythons() {
  return {"/usr/bin/python3", RIFFLE_SOURCE_DIR "/build/peers/runtimes/bin/python"};
}

/// Runs a script of src/exchange/onnx; its exit code, with what it printed in `messages`. nullopt if there is no such
/// Python or it lacks what the script imports (exit code 3).
inline std::optional<int> RunPython(const std::string& python, const std::string& script, const std::string& arguments,
                                    const std::filesystem::path& messages) {
  const std::string command = fmt::format("'{}' '{}/src/exchange/onnx/{}' {} > '{}' 2>&1", python, RIFFLE_SOURCE_DIR,
                                          script, arguments, messages.string());
  const int status = std::system(command.c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return code == 3 || code == 127 ? std::nullopt : std::optional(code);
}

}  // namespace riffle
