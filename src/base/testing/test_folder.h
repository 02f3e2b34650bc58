// Folders for the files of tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace riffle {

/// A new, empty folder, removed when the process ends. No two calls share one: tests run side by side, and so do the
/// tests of two builds.
inline std::filesystem::path TestFolder() {
  struct Folders {
    std::vector<std::filesystem::path> paths;
    ~Folders() {
      std::error_code ignored;
      for (const std::filesystem::path& path : paths) std::filesystem::remove_all(path, ignored);
    }
  };
  static Folders folders;
  std::string name = (std::filesystem::path(testing::TempDir()) / "riffle_test_XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr) << "cannot make a folder in " << testing::TempDir();
  return folders.paths.emplace_back(name);
}

}  // namespace riffle
