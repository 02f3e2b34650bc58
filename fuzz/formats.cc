#include "fuzz/formats.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace riffle {

void RepairSafetensors(std::string& file) {
  constexpr size_t kLengthBytes = 8;
  const size_t brace = file.rfind('}');
  if (brace == std::string::npos || brace < kLengthBytes) return;
  for (size_t i = 0; i < kLengthBytes; ++i) file[i] = static_cast<char>((brace + 1 - kLengthBytes) >> (8 * i));
}

void RepairZip(std::string& file) {
  constexpr std::string_view kCentral = "PK\x01\x02";
  constexpr size_t kCrcAt = 16, kCrcBytes = 4;
  for (size_t at = file.find(kCentral); at != std::string::npos; at = file.find(kCentral, at + 1))
    for (size_t i = at + kCrcAt; i < std::min(at + kCrcAt + kCrcBytes, file.size()); ++i) file[i] = 0;
}

void RepairTar(std::string& file) {
  constexpr size_t kBlock = 512, kSizeAt = 124, kSizeBytes = 12, kSumAt = 148, kSumBytes = 8;
  for (size_t at = 0; at + kBlock <= file.size();) {
    const std::string_view header = std::string_view(file).substr(at, kBlock);
    if (std::ranges::all_of(header, [](char c) { return c == 0; })) return;
    const uint64_t bytes = std::strtoull(std::string(header.substr(kSizeAt, kSizeBytes)).c_str(), nullptr, 8);
    file.replace(at + kSumAt, kSumBytes, kSumBytes, ' ');
    int sum = 0;
    for (size_t i = at; i < at + kBlock; ++i) sum += static_cast<unsigned char>(file[i]);
    file.replace(at + kSumAt, kSumBytes, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    at += kBlock + (std::min<uint64_t>(bytes, file.size()) + kBlock - 1) / kBlock * kBlock;
  }
}

void RepairPng(std::string& file) {
  constexpr size_t kSignature = 8, kHead = 8, kCrc = 4;
  if (!file.starts_with("\x89PNG")) return;
  for (size_t at = kSignature; at + kHead + kCrc <= file.size();) {
    const auto* const bytes = reinterpret_cast<const Bytef*>(file.data());
    const uint32_t length = uint32_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    if (length > file.size() - at - kHead - kCrc) return;
    const uLong crc = crc32(0, bytes + at + 4, length + 4);
    for (size_t i = 0; i < kCrc; ++i) file[at + kHead + length + i] = static_cast<char>(crc >> (24 - 8 * i));
    at += kHead + length + kCrc;
  }
}

}  // namespace riffle
