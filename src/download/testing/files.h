// Places and files for the tests of downloads.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace riffle {

/// An empty folder of this test's own.
inline std::filesystem::path TestFolder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::filesystem::path folder = std::filesystem::path(testing::TempDir()) /
                                 (std::string("riffle_") + info->test_suite_name() + "_" + info->name());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

inline void WriteText(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace riffle
