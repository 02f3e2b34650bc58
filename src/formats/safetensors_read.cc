#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "formats/file_format.h"
#include "formats/safetensors.h"
#include "formats/safetensors_checksum.h"

namespace riffle {
namespace {

using nlohmann::json;

// A tensor as the header announces it.
struct Entry {
  TensorView view;
  uint64_t begin = 0;
  uint64_t end = 0;
};

Result<DType> ReadDType(const json& found) {
  if (!found.is_string()) return DataLoss("\"dtype\": expected a string");
  const auto& name = found.get_ref<const std::string&>();
  if (const std::optional<DType> dtype = DTypeNamed(name)) return *dtype;
  return DataLoss("\"dtype\": expected F32 or another type of the format, found {}", Quoted(name));
}

Result<std::vector<int64_t>> ReadShape(const json& found) {
  if (!found.is_array()) return DataLoss("\"shape\": expected an array");
  std::vector<int64_t> shape;
  for (const json& dimension : found) {
    // JSON numbers beyond 64 bits are floating-point by now.
    if (!dimension.is_number_unsigned() || dimension.get<uint64_t>() > INT64_MAX)
      return DataLoss("\"shape\": expected whole numbers of 0 or more, found {}", Quoted(dimension.dump()));
    shape.push_back(dimension.get<int64_t>());
  }
  return shape;
}

Result<Entry> ReadEntry(const std::string& name, const json& found) {
  if (!found.is_object() || found.size() != 3 || !found.contains("dtype") || !found.contains("shape") ||
      !found.contains("data_offsets"))
    return DataLoss("expected an object of \"dtype\", \"shape\" and \"data_offsets\"");
  Entry entry;
  entry.view.name = name;
  RIFFLE_ASSIGN(entry.view.dtype, ReadDType(found["dtype"]));
  RIFFLE_ASSIGN(entry.view.shape, ReadShape(found["shape"]));
  const json& offsets = found["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    return DataLoss("\"data_offsets\": expected two whole numbers of 0 or more");
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  Result<int64_t> expected = ByteCount(entry.view.dtype, entry.view.shape);
  if (!expected.ok()) return DataLoss("{}", expected.status().message());
  if (entry.end < entry.begin || entry.end - entry.begin != static_cast<uint64_t>(*expected))
    return DataLoss("{} {} needs {} bytes, its data_offsets are [{}, {}]", NameOf(entry.view.dtype),
                    ShapeText(entry.view.shape), *expected, entry.begin, entry.end);
  return entry;
}

Result<Metadata> ReadMetadata(const json& found) {
  if (!found.is_object()) return DataLoss("\"__metadata__\": expected an object");
  Metadata metadata;
  for (const auto& [key, value] : found.items()) {
    if (!value.is_string()) return DataLoss("\"__metadata__\": expected a string as {}", Quoted(key));
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// An error that names what the file is, where that shows.
Status CheckKind(std::span<const uint8_t> file) {
  const FileKind kind = FileKindOf(file);
  if (kind.format == FileFormat::kSafetensors || kind.name.empty()) return {};
  return DataLoss("no safetensors file but {}: {}", kind.name,
                  kind.advice.empty() ? "'riffle import' converts it" : kind.advice);
}

// The header's JSON text; checks the length in front of it against the file.
Result<std::string_view> HeaderText(std::span<const uint8_t> bytes) {
  if (bytes.size() < 8)
    return DataLoss("no safetensors file: expected 8 bytes with the length of the header, the file has {} bytes",
                    bytes.size());
  uint64_t length;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMostHeaderBytes)
    return DataLoss("no safetensors file: it begins with a header length of {} bytes, at most {} are allowed", length,
                    kMostHeaderBytes);
  if (length > bytes.size() - 8)
    return DataLoss("truncated: it promises a header of {} bytes, {} follow. Was the copy interrupted?", length,
                    bytes.size() - 8);
  return std::string_view(reinterpret_cast<const char*>(bytes.data()) + 8, length);
}

// The tensors must cover the data without holes and overlaps. REQUIRES: each has begin <= end.
Status CheckLayout(std::span<const Entry> in_order, uint64_t data_bytes) {
  uint64_t promised = 0;
  for (const Entry& entry : in_order) promised = std::max(promised, entry.end);
  if (promised > data_bytes)
    return DataLoss("truncated: the header promises {} bytes of tensors, the file has {}. Was the copy interrupted?",
                    promised, data_bytes);
  uint64_t covered = 0;
  for (const Entry& entry : in_order) {
    if (entry.begin != covered)
      return DataLoss("tensor {}: expected its bytes to begin at {}, found {}: a {}", Quoted(entry.view.name), covered,
                      entry.begin, entry.begin < covered ? "second tensor has the same bytes" : "hole in the data");
    covered = entry.end;
  }
  if (covered != data_bytes)
    return DataLoss("expected the file to end with its last tensor, found {} more bytes", data_bytes - covered);
  return {};
}

// An error if the bytes of tensors are not what the metadata say of them.
Status NameDamaged(std::span<const SummedTensor> tensors, const Metadata& metadata) {
  std::string first, expectation;
  int more = -1;
  for (const auto& [tensor, checksum] : tensors) {
    const auto expected = metadata.find(TensorChecksumKey(tensor->name));
    const std::string found = ChecksumText(checksum);
    if (expected == metadata.end() || expected->second == found) continue;
    if (++more > 0) continue;
    first = Quoted(tensor->name);
    expectation = fmt::format("expected the checksum {}, found {}", Quoted(expected->second), found);
  }
  if (more < 0) return {};
  return DataLoss("damaged: tensor {}{}: {}. Use another copy of the file", first,
                  more == 0 ? "" : fmt::format(" and {} more", more), expectation);
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  return FromBytes(std::move(bytes), path.string());
}

Result<SafetensorsFile> SafetensorsFile::FromBytes(std::span<const uint8_t> bytes, std::string path) {
  AlignedArray<uint8_t> copy(bytes.size());
  std::ranges::copy(bytes, copy.begin());
  return FromBytes(std::move(copy), std::move(path));
}

Result<SafetensorsFile> SafetensorsFile::FromBytes(AlignedArray<uint8_t> bytes, std::string path) {
  SafetensorsFile file;
  file.bytes_ = std::move(bytes);
  file.path_ = std::move(path);
  Status status = file.Parse();
  if (status.ok()) status = file.VerifyChecksums();
  if (!status.ok()) return std::move(status).In(file.path_);
  return file;
}

Status SafetensorsFile::Parse() {
  RIFFLE_TRY(CheckKind({bytes_.data(), bytes_.size()}));
  RIFFLE_ASSIGN(const std::string_view text, HeaderText({bytes_.data(), bytes_.size()}));
  const Result<json> header = ParseJson(text);
  if (!header.ok()) return DataLoss("the header is damaged: {}", header.status().message());
  if (!header->is_object()) return DataLoss("the header is damaged: expected a JSON object");

  std::vector<Entry> entries;
  for (const auto& [name, value] : header->items()) {
    if (name == "__metadata__") {
      RIFFLE_ASSIGN(metadata_, ReadMetadata(value));
      continue;
    }
    Result<Entry> entry = ReadEntry(name, value);
    if (!entry.ok()) return Status(entry.status()).In("tensor " + Quoted(name));
    entries.push_back(std::move(*entry));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const std::span<const uint8_t> data = std::span<const uint8_t>(bytes_.data(), bytes_.size()).subspan(8 + text.size());
  RIFFLE_TRY(CheckLayout(entries, data.size()));
  for (Entry& entry : entries) {
    entry.view.bytes = data.subspan(entry.begin, entry.end - entry.begin);
    tensors_.push_back(std::move(entry.view));
  }
  return {};
}

// Of a file of ours, and then takes our own keys out of the metadata.
Status SafetensorsFile::VerifyChecksums() {
  const bool ours = std::any_of(metadata_.begin(), metadata_.end(),
                                [](const auto& item) { return item.first.starts_with("riffle."); });
  if (!ours) return {};
  const std::vector<SummedTensor> summed = Summed(tensors_);
  const std::string expected = metadata_[kChecksumKey], found = ContentChecksum(summed, metadata_);
  if (found != expected) {
    RIFFLE_TRY(NameDamaged(summed, metadata_));
    return DataLoss("damaged: expected the checksum {} of the contents, found {}. Use another copy of the file",
                    Quoted(expected), found);
  }
  if (metadata_[kFormatKey] != kFormatVersion)
    return Unavailable("written by a newer Riffle: expected format {}, found {}", kFormatVersion,
                       Quoted(metadata_[kFormatKey]));
  std::erase_if(metadata_, [](const auto& item) { return IsWritersKey(item.first); });
  return {};
}

Result<TensorView> SafetensorsFile::Find(std::string_view name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& t) { return t.name == name; });
  if (found != tensors_.end()) return *found;
  if (tensors_.empty()) return NotFound("{}: no tensor {}; the file holds none at all", path_, Quoted(name));
  std::vector<std::string_view> names;
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  return NotFound("{}: no tensor {} among {}; the nearest is {}", path_, Quoted(name), names.size(),
                  Quoted(Nearest(name, names)));
}

}  // namespace riffle
