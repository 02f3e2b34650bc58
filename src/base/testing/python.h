// Python as an oracle of tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace riffle {

/// Runs a Python program with Debian's packages at hand (Pillow, NumPy, PyTorch); the arguments are sys.argv[1:], the
/// first of them a folder for the program itself. It is an oracle that these tests need: without it they fail.
inline void RunPython(const std::string& program, const std::vector<std::string>& arguments) {
  const std::filesystem::path file = std::filesystem::path(arguments.at(0)) / "oracle.py";
  std::ofstream(file) << program;
  std::string command = "/usr/bin/python3 '" + file.string() + "'";
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << "'scripts/install-dependencies test', or see above: " << command;
}

}  // namespace riffle
