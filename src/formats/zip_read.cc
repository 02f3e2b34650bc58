#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "base/json.h"
#include "formats/zip.h"

namespace riffle {
namespace {

using Bytes = std::span<const uint8_t>;

// Records by their first four bytes, and how long they are without their names.
constexpr std::string_view kLocal = "PK\x03\x04", kCentral = "PK\x01\x02", kEnd = "PK\x05\x06", kEnd64 = "PK\x06\x06",
                           kLocator64 = "PK\x06\x07";
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr uint16_t kZip64Field = 1;

template <class T>
T Load(Bytes bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The record of this kind and length at an offset; nullopt if another thing is there, or nothing.
std::optional<Bytes> RecordAt(Bytes archive, uint64_t at, std::string_view kind, size_t bytes) {
  if (at > archive.size() || archive.size() - at < bytes) return std::nullopt;
  const Bytes record = archive.subspan(at, bytes);
  return std::memcmp(record.data(), kind.data(), kind.size()) == 0 ? std::optional(record) : std::nullopt;
}

// Where the directory lies.
struct Directory {
  uint64_t begin = 0, bytes = 0, entries = 0;
};

Result<Directory> FindDirectory(Bytes archive) {
  // It ends the file, but for a comment of at most 65,535 bytes.
  constexpr size_t kMostCommentBytes = 0xffff;
  size_t at = archive.size() - std::min(archive.size(), kEndBytes);
  const size_t first = at - std::min(at, kMostCommentBytes);
  std::optional<Bytes> end;
  for (;; --at) {
    end = RecordAt(archive, at, kEnd, kEndBytes);
    if (end && at + kEndBytes + Load<uint16_t>(*end, 20) == archive.size()) break;
    if (at == first) return DataLoss("a zip archive without its directory: truncated. Was the copy interrupted?");
  }
  Directory found = {
      .begin = Load<uint32_t>(*end, 16), .bytes = Load<uint32_t>(*end, 12), .entries = Load<uint16_t>(*end, 10)};
  bool split = Load<uint16_t>(*end, 4) != 0 || Load<uint16_t>(*end, 8) != found.entries;
  if (at >= kLocator64Bytes) {
    if (const auto locator = RecordAt(archive, at - kLocator64Bytes, kLocator64, kLocator64Bytes)) {
      const auto end64 = RecordAt(archive, Load<uint64_t>(*locator, 8), kEnd64, kEnd64Bytes);
      if (!end64) return DataLoss("damaged: the zip archive's 64-bit directory is not where it should be");
      found = {.begin = Load<uint64_t>(*end64, 48),
               .bytes = Load<uint64_t>(*end64, 40),
               .entries = Load<uint64_t>(*end64, 32)};
      split = Load<uint32_t>(*end64, 16) != 0 || Load<uint64_t>(*end64, 24) != found.entries;
    }
  }
  if (split) return DataLoss("a part of a split zip archive: put it together again");
  if (found.begin > at || found.bytes > at - found.begin || found.entries > found.bytes / kCentralBytes)
    return DataLoss("damaged: the zip archive's directory of {} entries in {} bytes from {} does not fit its {} bytes",
                    found.entries, found.bytes, found.begin, archive.size());
  return found;
}

// Of the fields that are too large for 32 bits, the extra field has those of 64, in this order.
Status ReadZip64(Bytes extra, std::span<uint64_t* const> fields) {
  if (std::ranges::none_of(fields, [](const uint64_t* f) { return *f == UINT32_MAX; })) return {};
  while (extra.size() >= 4) {
    const auto kind = Load<uint16_t>(extra, 0);
    const size_t bytes = Load<uint16_t>(extra, 2);
    extra = extra.subspan(4);
    if (bytes > extra.size()) break;
    Bytes field = extra.first(bytes);
    extra = extra.subspan(bytes);
    if (kind != kZip64Field) continue;
    for (uint64_t* value : fields) {
      if (*value != UINT32_MAX) continue;
      if (field.size() < sizeof *value) break;
      *value = Load<uint64_t>(field, 0);
      field = field.subspan(sizeof *value);
    }
    return {};
  }
  return DataLoss("its size should be in an extra field, which is not there");
}

// An entry, and its place in the archive: from its header to the end of its content.
struct Placed {
  ZipEntry entry;
  uint64_t begin = 0, end = 0;
};

// From a record of the directory, whose names and extra fields follow it. `data_end` is where the directory begins.
Result<Placed> ReadEntry(Bytes archive, Bytes record, Bytes extra, std::string name, uint64_t data_end) {
  constexpr uint16_t kEncryptedFlag = 1, kStored = 0, kDeflated = 8;
  uint64_t packed_bytes = Load<uint32_t>(record, 20), bytes = Load<uint32_t>(record, 24);
  uint64_t begin = Load<uint32_t>(record, 42);
  uint64_t* const fields[] = {&bytes, &packed_bytes, &begin};
  RIFFLE_TRY(ReadZip64(extra, fields));
  const auto flags = Load<uint16_t>(record, 8), method = Load<uint16_t>(record, 10);
  if ((flags & kEncryptedFlag) != 0) return DataLoss("encrypted: unpack the archive, and pack it without a password");
  if (method != kStored && method != kDeflated)
    return DataLoss("packed by method {}: unpack the archive, and pack it as other programs do", method);
  const auto local = begin <= data_end ? RecordAt(archive.first(data_end), begin, kLocal, kLocalBytes) : std::nullopt;
  if (!local) return DataLoss("damaged: expected its header at {}, which is not there", begin);
  const uint64_t data = begin + kLocalBytes + Load<uint16_t>(*local, 26) + Load<uint16_t>(*local, 28);
  if (data > data_end || packed_bytes > data_end - data)
    return DataLoss("damaged: expected {} bytes from {}, the archive's files end at {}", packed_bytes, data, data_end);
  if (method == kStored && bytes != packed_bytes)
    return DataLoss("damaged: stored as it is, but {} bytes should be {}", packed_bytes, bytes);
  return Placed{{.name = std::move(name),
                 .bytes = bytes,
                 .packed = archive.subspan(data, packed_bytes),
                 .deflated = method == kDeflated,
                 .crc = Load<uint32_t>(record, 16)},
                begin,
                data + packed_bytes};
}

// Entries that share bytes are how a small archive unpacks to a large one.
Status CheckOverlaps(std::span<const Placed> entries) {
  std::vector<const Placed*> in_order;
  for (const Placed& placed : entries) in_order.push_back(&placed);
  std::ranges::sort(in_order, {}, [](const Placed* placed) { return placed->begin; });
  for (size_t i = 1; i < in_order.size(); ++i)
    if (in_order[i]->begin < in_order[i - 1]->end)
      return DataLoss("damaged: {} and {} have the same bytes of the zip archive", Quoted(in_order[i - 1]->entry.name),
                      Quoted(in_order[i]->entry.name));
  return {};
}

Status CheckCrc(const ZipEntry& entry, Bytes content) {
  constexpr uint32_t kNoCrc = 0;  // of a writer that saved the time
  const uLong crc = crc32_z(crc32_z(0, nullptr, 0), content.data(), content.size());
  if (crc == entry.crc || entry.crc == kNoCrc) return {};
  return DataLoss("{}: damaged: expected the checksum {:08x} of its {} bytes, found {:08x}. Use another copy",
                  Quoted(entry.name), entry.crc, content.size(), crc);
}

// Whether `packed` unpacks to exactly as many bytes as `to` has.
bool Inflate(Bytes packed, AlignedArray<uint8_t>* to) {
  z_stream stream = {};
  constexpr int kRawDeflate = -15;
  if (inflateInit2(&stream, kRawDeflate) != Z_OK) return false;
  // zlib counts in 32 bits.
  constexpr uint64_t kMostAtOnce = 1 << 30;
  uint64_t read = 0, written = 0;
  uint8_t beyond;  // where a byte too many would go
  int result = Z_OK;
  while (result == Z_OK) {
    if (stream.avail_in == 0) {
      stream.next_in = const_cast<Bytef*>(packed.data() + read);
      stream.avail_in = static_cast<uInt>(std::min(kMostAtOnce, packed.size() - read));
      read += stream.avail_in;
    }
    const bool full = written == to->size();
    const uint64_t space = full ? 1 : std::min(kMostAtOnce, to->size() - written);
    stream.next_out = full ? &beyond : to->data() + written;
    stream.avail_out = static_cast<uInt>(space);
    result = inflate(&stream, Z_NO_FLUSH);  // Z_BUF_ERROR where nothing is left to read, or to do
    const uint64_t now = space - stream.avail_out;
    if (full && now > 0) break;
    written += now;
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END && written == to->size();
}

}  // namespace

Result<std::vector<ZipEntry>> ZipDirectory(Bytes archive) {
  RIFFLE_ASSIGN(const Directory directory, FindDirectory(archive));
  const Bytes records = archive.subspan(directory.begin, directory.bytes);
  std::vector<Placed> placed;
  std::set<std::string> names;
  size_t at = 0;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const auto record = RecordAt(records, at, kCentral, kCentralBytes);
    if (!record) return DataLoss("damaged: entry {} of {} of the zip archive's directory", i + 1, directory.entries);
    const size_t name_bytes = Load<uint16_t>(*record, 28), extra_bytes = Load<uint16_t>(*record, 30),
                 comment_bytes = Load<uint16_t>(*record, 32);
    at += kCentralBytes;
    if (name_bytes + extra_bytes + comment_bytes > records.size() - at)
      return DataLoss("damaged: entry {} of {} of the zip archive's directory", i + 1, directory.entries);
    std::string name(reinterpret_cast<const char*>(records.data()) + at, name_bytes);
    const Bytes extra = records.subspan(at + name_bytes, extra_bytes);
    at += name_bytes + extra_bytes + comment_bytes;
    if (name.ends_with('/')) continue;
    if (!names.insert(name).second) return DataLoss("damaged: the zip archive holds {} twice", Quoted(name));
    Result<Placed> entry = ReadEntry(archive, *record, extra, name, directory.begin);
    if (!entry.ok()) return Status(entry.status()).In(Quoted(name));
    placed.push_back(std::move(*entry));
  }
  RIFFLE_TRY(CheckOverlaps(placed));
  std::vector<ZipEntry> entries;
  for (Placed& one : placed) entries.push_back(std::move(one.entry));
  return entries;
}

Result<Bytes> StoredContent(const ZipEntry& entry) {
  RIFFLE_TRY(CheckCrc(entry, entry.packed));
  return entry.packed;
}

Result<AlignedArray<uint8_t>> Unzip(const ZipEntry& entry, uint64_t most_bytes) {
  constexpr uint64_t kMostRatio = 1032;  // of deflate
  if (entry.bytes > most_bytes)
    return DataLoss("{}: unpacks to {} bytes, at most {} are allowed", Quoted(entry.name), entry.bytes, most_bytes);
  if (entry.bytes / kMostRatio > entry.packed.size())
    return DataLoss("{}: damaged: {} bytes cannot unpack to {}", Quoted(entry.name), entry.packed.size(), entry.bytes);
  AlignedArray<uint8_t> content(entry.bytes);
  if (!entry.deflated) {
    std::ranges::copy(entry.packed, content.begin());
  } else if (!Inflate(entry.packed, &content)) {
    return DataLoss("{}: damaged: its {} bytes do not unpack to {}", Quoted(entry.name), entry.packed.size(),
                    entry.bytes);
  }
  RIFFLE_TRY(CheckCrc(entry, {content.data(), content.size()}));
  return content;
}

}  // namespace riffle
