#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/test_folder.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

fs::path FileOf(const std::string& content) {
  fs::path path = TestFolder() / "file";
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(MappedFile, IsTheFilesBytes) {
  const std::string content = std::string(10'000, 'a') + "the end";
  const auto file = MappedFile::Open(FileOf(content));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(std::string(file->bytes().begin(), file->bytes().end()), content);
  const auto end = file->Fetch(10'000, 7);
  ASSERT_TRUE(end.ok()) << end.status().message();
  EXPECT_EQ(std::string(end->begin(), end->end()), "the end");
  EXPECT_EQ(end->data(), file->bytes().data() + 10'000) << "a view, no copy";
  EXPECT_TRUE(file->Fetch(5, 0).ok());
}

TEST(MappedFile, WhatCannotBeMappedIsAnError) {
  EXPECT_EQ(MappedFile::Open(TestFolder() / "none").status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(TestFolder()).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(MappedFile::Open(FileOf("")).status().code(), ErrorCode::kDataLoss);
}

TEST(MappedFile, AFileThatShrankOrChangedIsAnErrorBeforeItIsLookedAt) {
  const fs::path path = FileOf(std::string(100'000, 'a'));
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok() && file->Fetch(90'000, 10'000).ok());
  fs::resize_file(path, 50'000);
  EXPECT_EQ(file->Fetch(90'000, 10'000).status().code(), ErrorCode::kDataLoss);
  std::ofstream(path, std::ios::binary) << std::string(100'000, 'b');
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(1));
  EXPECT_EQ(file->Fetch(0, 10).status().code(), ErrorCode::kDataLoss) << "of the same size, with other bytes";
  fs::remove(path);
  EXPECT_EQ(file->Fetch(0, 10).status().code(), ErrorCode::kIo);
}

}  // namespace
}  // namespace riffle
