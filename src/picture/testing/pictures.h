// For the tests of this folder: pictures, and Pillow as the oracle.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "base/testing/python.h"
#include "base/testing/test_folder.h"
#include "picture/picture.h"

namespace riffle {

inline void WriteBytes(const std::filesystem::path& path, const std::vector<uint8_t>& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

inline void WriteText(const std::filesystem::path& path, const std::string& text) {
  WriteBytes(path, {text.begin(), text.end()});
}

/// REQUIRES: the file is there.
inline std::vector<uint8_t> ReadBytes(const std::filesystem::path& path) {
  auto bytes = ReadFile(path);
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  return bytes.ok() ? *bytes : std::vector<uint8_t>();
}

/// A 24-bit bitmap of one shade: a format that a test can write by hand. REQUIRES: sides of less than 256
inline std::vector<uint8_t> Bmp(int width, int height, uint8_t shade) {
  const int row_bytes = (width * 3 + 3) / 4 * 4;
  std::vector<uint8_t> file(54 + row_bytes * height, shade);
  std::fill_n(file.begin(), 54, uint8_t{0});
  file[0] = 'B', file[1] = 'M', file[10] = 54, file[14] = 40;
  file[18] = static_cast<uint8_t>(width), file[22] = static_cast<uint8_t>(height), file[26] = 1, file[28] = 24;
  return file;
}

/// Smooth colours with some noise and hard edges, as photographs have them.
inline Picture SomePicture(int height, int width, int channels, uint32_t number = 0) {
  Picture picture;
  picture.Reshape(height, width, channels);
  RandomStream random(7, RandomPurpose::kTest, 0, number);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) {
        const int smooth = (y * (3 + c) + x * (5 - c)) % 256, edge = (x / 5 + y / 7) % 2 == 0 ? 60 : 0;
        const int value = (smooth + edge + static_cast<int>(random.Below(20))) % 256;
        picture.Row(y)[x * channels + c] = static_cast<uint8_t>(value);
      }
  return picture;
}

/// The shared real data, or null (skip the test) where RIFFLE_TEST_DATA is not set.
inline const char* TestData() { return std::getenv("RIFFLE_TEST_DATA"); }

}  // namespace riffle
