// Small safetensors files for the tests: of Riffle and of other programs.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "formats/safetensors.h"

namespace riffle {

inline std::vector<uint8_t> Bytes(std::string_view text) { return {text.begin(), text.end()}; }

// A file of another program: this header, then this many zero bytes.
inline std::vector<uint8_t> Foreign(std::string_view header, size_t data_bytes) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(uint64_t{header.size()} >> (8 * i));
  return Bytes(text.append(header).append(data_bytes, '\0'));
}

inline std::string ErrorOf(std::vector<uint8_t> bytes) {
  const Result<SafetensorsFile> file = SafetensorsFile::FromBytes(std::move(bytes), "w.safetensors");
  if (file.ok()) return "no error";
  EXPECT_EQ(file.status().code(), ErrorCode::kDataLoss);
  EXPECT_EQ(file.status().message().find('\n'), std::string::npos);
  EXPECT_LT(file.status().message().size(), 400u);
  return file.status().message();
}

// The error of a foreign file whose tensor "w" has this description.
inline std::string ErrorOfTensor(const std::string& description, size_t data_bytes) {
  return ErrorOf(Foreign("{\"w\":" + description + "}", data_bytes));
}

// A small file of ours, with a tensor of each kind of size.
inline std::vector<uint8_t> SmallFile() {
  const std::filesystem::path file = TestFolder() / "small.safetensors";
  const std::vector<float> weights = {1, -2, 0.5f, 3};
  const std::vector<int64_t> step = {7};
  const std::vector<TensorView> tensors = {ViewOf<float>("w", {2, 2}, weights), ViewOf<int64_t>("step", {}, step),
                                           ViewOf<uint8_t>("none", {0, 3}, {})};
  EXPECT_EQ(WriteSafetensors(file, tensors, {{"epoch", "3"}}).message(), "");
  return *ReadFile(file);
}

}  // namespace riffle
