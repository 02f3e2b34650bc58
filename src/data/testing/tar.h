// For tests: tar files, by hand.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

namespace riffle {

inline constexpr char kFile = '0', kHardLink = '1', kSymbolicLink = '2', kFolder = '5';

struct TarEntry {
  std::string name, content;
  char type = kFile;
  std::string link = {};
};

// In the oldest dialect, by hand: `stated_bytes`, if set, is what each header says of its content's size.
inline std::string Tar(const std::vector<TarEntry>& entries, const std::string& stated_bytes = "") {
  std::string tar;
  for (const TarEntry& entry : entries) {
    std::string header(512, '\0');
    const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    put(0, entry.name);
    put(100, "0000644");
    put(124, stated_bytes.empty() ? fmt::format("{:011o}", entry.content.size()) : stated_bytes);
    put(148, "        ");
    header[156] = entry.type;
    put(157, entry.link);
    int sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    tar += header + entry.content + std::string((512 - entry.content.size() % 512) % 512, '\0');
  }
  return tar + std::string(1024, '\0');
}

}  // namespace riffle
