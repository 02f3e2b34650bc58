#include <zlib.h>

#include "base/json.h"
#include "formats/zip.h"

namespace riffle {
namespace {

constexpr uint64_t kMostBytes = UINT32_MAX - 1, kMostEntries = UINT16_MAX - 1;  // beyond it: zip64
constexpr uint16_t kVersion = 20, kUtf8Flag = 1 << 11, kStored = 0, kNoTime = 0, kFirstDay = 1 << 5 | 1;  // of 1980
constexpr std::string_view kPaddingField = "FB";
constexpr size_t kFieldHeaderBytes = 4, kLocalHeaderBytes = 30;

template <class T>
void Append(std::string* to, T value) {
  for (size_t i = 0; i < sizeof value; ++i) *to += static_cast<char>(uint64_t{value} >> (8 * i));
}

// What a local header and a record of the directory have in common, but for the ends of both.
std::string Middle(const ZipContent& content) {
  const uLong crc = crc32_z(crc32_z(0, nullptr, 0), content.bytes.data(), content.bytes.size());
  const auto bytes = static_cast<uint32_t>(content.bytes.size());
  std::string middle;
  for (const uint16_t field : {kVersion, kUtf8Flag, kStored, kNoTime, kFirstDay}) Append(&middle, field);
  for (const uint32_t field : {static_cast<uint32_t>(crc), bytes, bytes}) Append(&middle, field);
  Append(&middle, static_cast<uint16_t>(content.name.size()));
  return middle;
}

// An extra field that ends at a multiple of `alignment`. REQUIRES: alignment < 2^15
std::string Padding(uint64_t begin, uint64_t alignment) {
  begin += kFieldHeaderBytes;
  const uint64_t bytes = (alignment - begin % alignment) % alignment;
  std::string field(kPaddingField);
  Append(&field, static_cast<uint16_t>(bytes));
  return field.append(bytes, 'Z');
}

}  // namespace

Result<ZipParts> ZipParts::Make(std::span<const ZipContent> contents, uint64_t alignment) {
  ZipParts zip;
  std::string directory;
  uint64_t at = 0;
  for (const ZipContent& content : contents) {
    if (content.bytes.size() > kMostBytes || at > kMostBytes - content.bytes.size() || content.name.size() > UINT16_MAX)
      return InvalidArgument("{}: a zip archive of more than 4 GiB is not written", Quoted(content.name));
    const std::string middle = Middle(content),
                      extra = Padding(at + kLocalHeaderBytes + content.name.size(), alignment);
    std::string& header = zip.headers_.emplace_back("PK\x03\x04" + middle);
    Append(&header, static_cast<uint16_t>(extra.size()));
    header += content.name + extra;

    directory += "PK\x01\x02";
    Append(&directory, kVersion);
    directory += middle;
    for (int i = 0; i < 4; ++i) Append(&directory, uint16_t{0});  // extra field, comment, disk, internal attributes
    Append(&directory, uint32_t{0});                              // attributes
    Append(&directory, static_cast<uint32_t>(at));
    directory += content.name;

    zip.parts_.push_back(header);
    zip.parts_.emplace_back(reinterpret_cast<const char*>(content.bytes.data()), content.bytes.size());
    at += header.size() + content.bytes.size();
  }
  if (at > kMostBytes || contents.size() > kMostEntries)
    return InvalidArgument("a zip archive of more than 4 GiB or {} entries is not written", kMostEntries);
  std::string& end = zip.headers_.emplace_back(directory);
  end += std::string_view("PK\x05\x06\0\0\0\0", 8);
  for (int i = 0; i < 2; ++i) Append(&end, static_cast<uint16_t>(contents.size()));
  Append(&end, static_cast<uint32_t>(directory.size()));
  Append(&end, static_cast<uint32_t>(at));
  Append(&end, uint16_t{0});  // comment
  zip.parts_.push_back(end);
  return zip;
}

}  // namespace riffle
