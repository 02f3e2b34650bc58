// Places and files for the tests of downloads.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/test_folder.h"

namespace riffle {

inline void WriteText(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace riffle
