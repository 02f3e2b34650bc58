#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
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
  constexpr std::array kAll = {DType::kF64, DType::kF32, DType::kF16, DType::kBf16,
                               DType::kI64, DType::kI32, DType::kU8};
  if (!found.is_string()) return DataLoss("\"dtype\": expected a string");
  for (const DType dtype : kAll)
    if (found.get_ref<const std::string&>() == NameOf(dtype)) return dtype;
  return DataLoss("\"dtype\": expected F64, F32, F16, BF16, I64, I32 or U8, found {}",
                  Quoted(found.get_ref<const std::string&>()));
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

// What is given in the place of a checkpoint, by the bytes that it begins with.
struct ForeignFile {
  size_t offset;
  std::string_view bytes, kind, advice;
};
constexpr std::string_view kConvert = "riffle reads the safetensors files that 'riffle train' writes";
constexpr std::string_view kFetch = "fetch the file itself";
constexpr ForeignFile kForeignFiles[] = {
    {0, "PK\x03\x04", "a zip archive, as PyTorch's and Keras' checkpoints are", kConvert},
    {0, "\x80\x02", "a Python pickle, as PyTorch's old checkpoints are", kConvert},
    {0, "\x80\x03", "a Python pickle", kConvert},
    {0, "\x80\x04", "a Python pickle", kConvert},
    {0, "\x80\x05", "a Python pickle", kConvert},
    {0, "\x89HDF", "HDF5, as Keras' checkpoints are", kConvert},
    {4, "TFL3", "a network for TensorFlow Lite", kConvert},
    {0, "\x93NUMPY", "an array of NumPy's", kConvert},
    {0, "GGUF", "GGUF, which holds language models", kConvert},
    {0, "version https://git-lfs", "a Git LFS pointer", "fetch the file that it stands for with 'git lfs pull'"},
    {0, "<!", "a web page", kFetch},
    {0, "<html", "a web page", kFetch},
    {0, "<HTML", "a web page", kFetch},
    {0, "\x1f\x8b", "compressed with gzip", "unpack it with gunzip"},
    {0, "\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd"},
    {0, "BZh", "compressed with bzip2", "unpack it with bunzip2"},
    {0, "\xfd\x37zXZ", "compressed with xz", "unpack it with unxz"},
    {0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"},
    {0, "Rar!", "a RAR archive", "unpack it"},
    {257, "ustar", "a tar archive", "unpack it"},
    {0, "\xff\xd8\xff", "a picture", kConvert},
    {0, "\x89PNG", "a picture", kConvert},
};

// Protocol buffers have no magic number. MindSpore's begin with a field 1 (a parameter) in which field 1 (its name)
// comes first, ONNX's with the version of the format and the text of field 2, which is who wrote it.
std::string_view KindOfProtobuf(std::string_view bytes) {
  if (bytes.starts_with('\x0a')) {
    size_t inner = 1;
    while (inner < bytes.size() && inner < 6 && (bytes[inner] & 0x80) != 0) ++inner;
    if (bytes.substr(inner).size() > 1 && bytes[inner + 1] == '\x0a') return "a checkpoint of MindSpore's";
  }
  const bool is_onnx = bytes.size() > 2 && bytes[0] == '\x08' && bytes[1] > 0 && bytes[1] < 32 && bytes[2] == '\x12';
  return is_onnx ? "a network in ONNX" : "";
}

bool IsText(std::string_view bytes) {
  return bytes.size() > 8 &&
         std::ranges::all_of(bytes, [](unsigned char c) { return std::isprint(c) || std::isspace(c); });
}

/// Whether a file that begins with these bytes is meant to be safetensors. Says nothing of its health.
bool LooksLikeSafetensors(std::span<const uint8_t> file) {
  uint64_t length;
  if (file.size() <= sizeof length) return false;
  std::memcpy(&length, file.data(), sizeof length);
  return length >= 2 && length <= kMostHeaderBytes && file[8] == '{';
}

// An error that names what the file is, where that shows.
Status CheckKind(std::span<const uint8_t> file) {
  if (LooksLikeSafetensors(file)) return {};
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  for (const ForeignFile& foreign : kForeignFiles)
    if (bytes.size() > foreign.offset && bytes.substr(foreign.offset).starts_with(foreign.bytes))
      return DataLoss("no safetensors file but {}: {}", foreign.kind, foreign.advice);
  const std::string_view start = bytes.substr(0, 64);
  if (bytes.size() > 8 && start.find_first_not_of('\0') == std::string_view::npos)
    return DataLoss("no safetensors file but zeros, as of a copy that was broken off: copy it again");
  std::string_view kind = KindOfProtobuf(bytes);
  if (kind.empty() && IsText(start)) kind = "a text";
  return kind.empty() ? Status() : DataLoss("no safetensors file but {}: {}", kind, kConvert);
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

}  // namespace

Result<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  return Check(std::move(bytes), path.string());
}

Result<SafetensorsFile> SafetensorsFile::FromBytes(std::span<const uint8_t> bytes, std::string path) {
  AlignedArray<uint8_t> copy(bytes.size());
  std::ranges::copy(bytes, copy.begin());
  return Check(std::move(copy), std::move(path));
}

Result<SafetensorsFile> SafetensorsFile::Check(AlignedArray<uint8_t> bytes, std::string path) {
  SafetensorsFile file;
  file.bytes_ = std::move(bytes);
  file.path_ = std::move(path);
  Status status = file.Parse();
  if (status.ok()) status = file.VerifyChecksum();
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
Status SafetensorsFile::VerifyChecksum() {
  const bool ours = std::any_of(metadata_.begin(), metadata_.end(),
                                [](const auto& item) { return item.first.starts_with("riffle."); });
  if (!ours) return {};
  const std::string expected = metadata_[kChecksumKey], found = ContentChecksum(tensors_, metadata_);
  if (found != expected)
    return DataLoss("damaged: expected the checksum {} of the contents, found {}. Use another copy of the file",
                    Quoted(expected), found);
  if (metadata_[kFormatKey] != kFormatVersion)
    return Unavailable("written by a newer Riffle: expected format {}, found {}", kFormatVersion,
                       Quoted(metadata_[kFormatKey]));
  metadata_.erase(kFormatKey);
  metadata_.erase(kChecksumKey);
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
