// A pack of pictures: its head, and each picture read as what it says.
#include <algorithm>
#include <cstring>

#include "data/crc32.h"
#include "data/pack_dataset.h"
#include "data/pack_file.h"
#include "fuzz/target.h"
#include "picture/encode_jpeg.h"

namespace riffle {
namespace {

constexpr size_t kChecksumAt = 12, kSummedFrom = 16, kStartBytes = 40;  // pack_file.h

void Check(std::string_view input) {
  const auto head = ReadPackHead(BytesOf(input));
  if (!IsFine(head, input)) return;
  std::string again = PackHeadText(*head, input.size());
  if (again.size() <= input.size()) {  // its text may have been shorter, in other words
    again += input.substr(again.size());
    const auto written = ReadPackHead(BytesOf(again));
    if (IsFine(written, input))
      Require(written->classes == head->classes && written->names == head->names, "written again a head is the same");
  }
  for (const int channels : {1, 3}) {
    auto pack = OpenPack(FuzzFile("train-000000.pack", input));
    Require(pack.ok(), "what has a head can be opened");
    std::vector<OpenedPack> packs;
    packs.push_back(std::move(*pack));
    const auto data = MakePackDataset(std::move(packs), channels, {});
    if (channels == 1) data->FollowExif();
    for (int64_t i = 0; i < data->size(); ++i) {
      Require(data->label(i) >= 0 && data->label(i) < static_cast<int64_t>(data->classes().size()),
              "a label has a class");
      Picture scratch;
      const auto picture = data->Read(i, scratch);
      if (IsFine(picture, input))
        Require(picture->height > 0 && picture->width > 0 && picture->channels == channels, "a picture is read");
      IsFine(data->Verify(i), input);
    }
  }
}

std::string PackOf(PackEncoding encoding, const std::vector<uint8_t>& picture) {
  PackHead head{.encoding = encoding, .classes = {"ant", "bee"}, .recipe = "r", .pictures = {{}, {}}, .names = "ab"};
  head.pictures[0] = {.bytes = static_cast<uint32_t>(picture.size()),
                      .checksum = Crc32(picture),
                      .height = 2,
                      .width = 3,
                      .label = 1,
                      .name_end = 1,
                      .channels = 3,
                      .orientation = 6};
  head.pictures[1].name_end = 2;
  head.pictures[0].offset = AlignedInPack(PackHeadText(head, 0).size());
  const uint64_t size = AlignedInPack(head.pictures[0].offset + picture.size());
  std::string file = PackHeadText(head, size);
  file.resize(head.pictures[0].offset);
  file.append(picture.begin(), picture.end());
  file.resize(size);
  return file;
}

std::vector<std::string> Seeds() {
  std::vector<uint8_t> pixels(18);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(14 * i);
  return {PackOf(PackEncoding::kRaw, pixels),
          PackOf(PackEncoding::kFiles, *EncodeJpeg({pixels.data(), 2, 3, 3, 9}, 50))};
}

std::vector<std::string> Words() { return {"RIFFLEPK", "\"classes\"", "\"recipe\"", "[\"ant\"]"}; }

// The size of the file and the checksum of the head, which no chance would find.
void Repair(std::string& input) {
  if (input.size() < kStartBytes) return;
  const uint64_t size = input.size();
  std::memcpy(input.data() + kSummedFrom, &size, sizeof size);
  uint32_t pictures = 0, text = 0, names = 0;
  std::memcpy(&pictures, input.data() + 28, sizeof pictures);
  std::memcpy(&text, input.data() + 32, sizeof text);
  std::memcpy(&names, input.data() + 36, sizeof names);
  const uint64_t head = kStartBytes + text + uint64_t{pictures} * sizeof(PackedPicture) + names;
  if (head > size) return;
  const uint32_t checksum = Crc32(BytesOf(input).subspan(kSummedFrom, head - kSummedFrom));
  std::memcpy(input.data() + kChecksumAt, &checksum, sizeof checksum);
}

}  // namespace

FuzzTarget PackTarget() {
  return {
      .name = "pack", .reads = "a pack of pictures", .check = Check, .seeds = Seeds, .words = Words, .repair = Repair};
}

}  // namespace riffle
