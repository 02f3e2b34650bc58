#include "base/file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/test_folder.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

TEST(File, WhatWasWrittenIsRead) {
  const fs::path file = TestFolder() / "a";
  ASSERT_TRUE(WriteFileAtomically(file, "first").ok());
  const std::string_view parts[] = {"one", "", "two"};
  ASSERT_TRUE(WriteFileAtomically(file, parts).ok());
  auto text = ReadTextFile(file);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "onetwo");
}

TEST(File, ALargeFileIsReadWhole) {
  const fs::path file = TestFolder() / "large";
  std::string content(5'000'001, 'x');
  content.front() = 'a', content.back() = 'z';
  ASSERT_TRUE(WriteFileAtomically(file, content).ok());
  const auto bytes = ReadLargeFile(file);
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(std::equal(bytes->begin(), bytes->end(), content.begin(), content.end()));
}

TEST(File, AFailedWriteLeavesTheOldFileAndNothingBeside) {
  const fs::path folder = TestFolder(), file = folder / "kept";
  ASSERT_TRUE(WriteFileAtomically(file, "old").ok());
  fs::create_directory(folder / "target");
  EXPECT_FALSE(WriteFileAtomically(folder / "target", "a folder stands there").ok());
  EXPECT_FALSE(WriteFileAtomically(folder / "nowhere" / "x", "no such folder").ok());
  EXPECT_EQ(*ReadTextFile(file), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
}

TEST(File, ErrorsNameThePath) {
  const fs::path folder = TestFolder();
  auto missing = ReadFile(folder / "missing");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.status().message().find("missing"), std::string::npos);
  EXPECT_FALSE(ReadFile(folder).ok());
  std::ofstream(folder / "big") << "0123456789";
  EXPECT_FALSE(ReadFile(folder / "big", 9).ok());
  EXPECT_TRUE(ReadFile(folder / "big", 10).ok());
}

}  // namespace
}  // namespace riffle
