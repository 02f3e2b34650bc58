#include "data/pack_file.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "data/crc32.h"
#include "picture/decode.h"

namespace riffle {
namespace {

static_assert(std::endian::native == std::endian::little, "packs are read as they lie in the file");
static_assert(sizeof(PackedPicture) == 40, "the table has no gaps");

constexpr std::string_view kMagic = "RIFFLEPK";
constexpr uint32_t kVersion = 1;

struct Start {
  char magic[8];
  uint32_t version, checksum;  // of what follows it, to the end of the names
  uint64_t file_bytes;
  uint32_t encoding, pictures, text_bytes, name_bytes;

  uint64_t head_bytes() const {
    return sizeof(Start) + text_bytes + uint64_t{pictures} * sizeof(PackedPicture) + name_bytes;
  }
};
static_assert(sizeof(Start) == 40);
constexpr size_t kSummedFrom = offsetof(Start, file_bytes);

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Status ReadText(std::string_view text, PackHead& head) {
  const auto json = ParseJson(text);
  if (!json.ok()) return DataLoss("the text in its head: {}", json.status().message());
  try {
    head.classes = json->at("classes").get<std::vector<std::string>>();
    head.recipe = json->at("recipe").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    return DataLoss("classes and a recipe were expected in its head: {}", error.what());
  }
  if (head.classes.empty()) return DataLoss("it has no classes");
  const std::set<std::string_view> names(head.classes.begin(), head.classes.end());
  if (names.size() < head.classes.size()) return DataLoss("a class is there twice");
  return {};
}

// Whether a row of the table makes sense in a file of that size.
bool MakesSense(const PackedPicture& row, const PackHead& head, uint64_t head_bytes, uint64_t file_bytes) {
  const bool marks = row.incomplete <= 1 && std::has_single_bit(row.bits) && row.bits <= 16 && row.orientation >= 1 &&
                     row.orientation <= 8 && row.levels >= 1 && row.levels <= 256;
  if (!marks || row.label < 0 || row.label >= static_cast<int64_t>(head.classes.size())) return false;
  if (!row.readable()) return true;
  if (row.offset < head_bytes || row.offset > file_bytes || row.bytes > file_bytes - row.offset) return false;
  if (row.offset % kPackAlignment != 0) return false;
  if (head.encoding == PackEncoding::kFiles) return row.bytes <= kMaxPictureFileBytes;
  const bool sized = (row.channels == 1 || row.channels == 3) && row.height > 0 && row.width > 0 &&
                     row.height <= kMaxPicturePixels / row.width;
  return sized && row.bytes == uint64_t{row.height} * row.width * row.channels;
}

}  // namespace

void PackedPicture::Mark(Picture& picture) const {
  picture.incomplete = incomplete != 0;
  picture.bits = bits;
  picture.levels = levels;
  picture.exif_orientation = orientation;
}

std::string PackHeadText(const PackHead& head, uint64_t file_bytes) {
  const nlohmann::ordered_json json = {{"classes", head.classes}, {"recipe", head.recipe}};
  const std::string text = json.dump();
  Start start = {.magic = {},
                 .version = kVersion,
                 .checksum = 0,
                 .file_bytes = file_bytes,
                 .encoding = static_cast<uint32_t>(head.encoding),
                 .pictures = static_cast<uint32_t>(head.pictures.size()),
                 .text_bytes = static_cast<uint32_t>(text.size()),
                 .name_bytes = static_cast<uint32_t>(head.names.size())};
  std::memcpy(start.magic, kMagic.data(), kMagic.size());
  std::string bytes(sizeof start, '\0');
  std::memcpy(bytes.data(), &start, sizeof start);
  bytes += text;
  bytes.append(reinterpret_cast<const char*>(head.pictures.data()), head.pictures.size() * sizeof(PackedPicture));
  bytes += head.names;
  start.checksum = Crc32({reinterpret_cast<const uint8_t*>(bytes.data()) + kSummedFrom, bytes.size() - kSummedFrom});
  std::memcpy(bytes.data(), &start, sizeof start);
  return bytes;
}

bool IsPack(std::span<const uint8_t> file) { return TextOf(file).starts_with(kMagic); }

Result<PackHead> ReadPackHead(std::span<const uint8_t> file) {
  Start start;
  if (!IsPack(file)) return DataLoss("no pack of pictures, or one that was never finished");
  if (file.size() < sizeof start) return DataLoss("cut off: a pack of pictures that ends after {} bytes", file.size());
  std::memcpy(&start, file.data(), sizeof start);
  if (start.version != kVersion)
    return DataLoss("a pack of version {}, and {} is read here: pack anew with 'riffle data pack'", start.version,
                    kVersion);
  if (start.file_bytes > file.size())
    return DataLoss("cut off: {} bytes were expected, {} found", start.file_bytes, file.size());
  if (start.head_bytes() > file.size() ||
      Crc32(file.subspan(kSummedFrom, start.head_bytes() - kSummedFrom)) != start.checksum)
    return DataLoss("its head is damaged: its checksum is another one");
  if (start.file_bytes != file.size())
    return DataLoss("{} bytes were expected, {} found: something was added", start.file_bytes, file.size());
  if (start.encoding > static_cast<uint32_t>(PackEncoding::kFiles))
    return DataLoss("pictures of encoding {}, which is not known here", start.encoding);
  PackHead head{.checksum = start.checksum,
                .encoding = static_cast<PackEncoding>(start.encoding),
                .classes = {},
                .recipe = {},
                .pictures = {},
                .names = {}};
  std::span<const uint8_t> rest = file.subspan(sizeof start);
  RIFFLE_TRY(ReadText(TextOf(rest.first(start.text_bytes)), head));
  rest = rest.subspan(start.text_bytes);
  head.pictures.resize(start.pictures);
  const size_t table_bytes = head.pictures.size() * sizeof(PackedPicture);
  if (table_bytes > 0) std::memcpy(head.pictures.data(), rest.data(), table_bytes);
  head.names = TextOf(rest.subspan(table_bytes, start.name_bytes));
  uint32_t name_begin = 0;
  for (size_t i = 0; i < head.pictures.size(); ++i) {
    const PackedPicture& row = head.pictures[i];
    if (row.name_end < name_begin || row.name_end > head.names.size() ||
        !MakesSense(row, head, start.head_bytes(), start.file_bytes))
      return DataLoss("row {} of its table contradicts the rest: pack anew with 'riffle data pack'", i);
    name_begin = row.name_end;
  }
  return head;
}

}  // namespace riffle
