// Zip archives: what is unpacked keeps to its limit, and is the same after it was packed again.
#include "formats/zip.h"

#include <algorithm>

#include "exchange/testing/torch_files.h"
#include "fuzz/formats.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

constexpr uint64_t kMostBytes = 1 << 16;

void Check(std::string_view input) {
  const auto entries = ZipDirectory(BytesOf(input));
  if (!IsFine(entries, input)) return;
  std::vector<AlignedArray<uint8_t>> contents;
  std::vector<ZipContent> packed;
  contents.reserve(entries->size());
  for (const ZipEntry& entry : *entries) {
    auto content = Unzip(entry, kMostBytes);
    if (!IsFine(content, input)) continue;
    Require(content->size() == entry.bytes && entry.bytes <= kMostBytes, "an entry has the bytes that it says");
    contents.push_back(std::move(*content));
    packed.push_back({entry.name, {contents.back().data(), contents.back().size()}});
  }
  const auto parts = ZipParts::Make(packed, 64);
  if (!IsFine(parts, input)) return;
  std::string file;
  for (const std::string_view part : parts->parts()) file += part;
  const auto again = ZipDirectory(BytesOf(file));
  Require(again.ok() && again->size() == packed.size(), "what is packed is read: " + again.status().message());
  for (size_t i = 0; i < packed.size(); ++i) {
    const auto content = StoredContent((*again)[i]);
    Require(content.ok() && (*again)[i].name == packed[i].name && std::ranges::equal(*content, packed[i].bytes),
            "names and contents are the same");
  }
}

// "again again ..." as Python's zipfile deflates it.
std::string Deflated() {
  using torch_files::Little;
  const std::string content("KLO\xcc\xccSH\x1c%GI\xaa\x92\x00", 14), name = "a/d";
  const std::string sizes = Little(8, 2) + Little(0, 8) + Little(content.size(), 4) + Little(600, 4) + Little(3, 2);
  const std::string local = "PK\x03\x04" + Little(20, 2) + Little(0, 2) + sizes + Little(0, 2) + name + content;
  const std::string central =
      "PK\x01\x02" + Little(20, 2) + Little(20, 2) + Little(0, 2) + sizes + std::string(16, '\0') + name;
  return local + central + "PK\x05\x06" + Little(0, 4) + Little(1, 2) + Little(1, 2) + Little(central.size(), 4) +
         Little(local.size(), 4) + Little(0, 2);
}

std::vector<std::string> Seeds() {
  return {torch_files::Zip({}), torch_files::Zip({{"none", ""}, {"r/one", "first"}}), torch_files::SmallZip(),
          Deflated()};
}

std::vector<std::string> Words() {
  return {"PK\x03\x04",
          "PK\x01\x02",
          "PK\x05\x06",
          "PK\x06\x06",
          "PK\x06\x07",
          "FB",
          std::string("\x01\x00\x1c\x00", 4),
          "\xff\xff\xff\xff",
          "\xff\xff"};
}

}  // namespace

FuzzTarget ZipTarget() {
  return {.name = "zip", .reads = "a zip archive", .check = Check, .seeds = Seeds, .words = Words, .repair = RepairZip};
}

}  // namespace riffle
