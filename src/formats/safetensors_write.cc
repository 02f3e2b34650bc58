#include <cstring>
#include <set>

#include "base/file.h"
#include "formats/safetensors.h"
#include "formats/safetensors_checksum.h"

namespace riffle {
namespace {

Status CheckInput(std::span<const TensorView> tensors, const Metadata& metadata) {
  std::set<std::string_view> names = {"__metadata__"};
  for (const TensorView& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      return InvalidArgument("tensor {}: the name stands twice, or is the format's own", Quoted(tensor.name));
    Result<int64_t> expected = ByteCount(tensor.dtype, tensor.shape);
    if (!expected.ok()) return Status(expected.status()).In("tensor " + Quoted(tensor.name));
    if (static_cast<uint64_t>(*expected) != tensor.bytes.size())
      return InvalidArgument("tensor {}: {} {} needs {} bytes, {} were given", Quoted(tensor.name),
                             NameOf(tensor.dtype), ShapeText(tensor.shape), *expected, tensor.bytes.size());
  }
  for (const auto& [key, value] : metadata)
    if (IsWritersKey(key)) return InvalidArgument("the metadata key {} is the writer's own", Quoted(key));
  return {};
}

// The header with the spaces that let the tensors begin at a multiple of 8 bytes. Throws nlohmann's type_error on text
// that is not UTF-8.
std::string Header(std::span<const TensorView> tensors, const Metadata& metadata) {
  const auto text = [](const auto& value) { return nlohmann::json(value).dump(); };
  std::string header = "{\"__metadata__\":" + text(metadata);
  uint64_t begin = 0;
  for (const TensorView& tensor : tensors) {
    const uint64_t end = begin + tensor.bytes.size();
    header += fmt::format(R"(,{}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", text(tensor.name),
                          NameOf(tensor.dtype), text(tensor.shape), begin, end);
    begin = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

/// The eight bytes that say how long the header is, and the header.
Result<std::string> LengthAndHeader(std::span<const TensorView> tensors, const Metadata& metadata) {
  RIFFLE_TRY(CheckInput(tensors, metadata));
  std::string header;
  try {
    Metadata all = metadata;
    all.emplace(kFormatKey, kFormatVersion);
    const std::vector<SummedTensor> summed = Summed(tensors);
    for (const auto& [tensor, checksum] : summed) all.emplace(TensorChecksumKey(tensor->name), ChecksumText(checksum));
    all.emplace(kChecksumKey, ContentChecksum(summed, all));
    header = Header(tensors, all);
  } catch (const nlohmann::json::exception&) {
    return InvalidArgument("names and metadata must be UTF-8");
  }
  if (header.size() > kMostHeaderBytes)
    return InvalidArgument("the header would have {} bytes, at most {} are allowed: shorten the metadata",
                           header.size(), kMostHeaderBytes);
  const uint64_t header_bytes = header.size();
  char length[8];
  std::memcpy(length, &header_bytes, sizeof length);
  return std::string(length, sizeof length) + header;
}

std::string_view BytesOf(const TensorView& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

}  // namespace

Status WriteSafetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                        const Metadata& metadata) {
  const Result<std::string> begin = LengthAndHeader(tensors, metadata);
  if (!begin.ok()) return Status(begin.status()).In(path.string());
  std::vector<std::string_view> parts = {*begin};
  for (const TensorView& tensor : tensors) parts.push_back(BytesOf(tensor));
  return WriteFileAtomically(path, parts);
}

Result<std::string> EncodeSafetensors(std::span<const TensorView> tensors, const Metadata& metadata) {
  RIFFLE_ASSIGN(std::string bytes, LengthAndHeader(tensors, metadata));
  for (const TensorView& tensor : tensors) bytes += BytesOf(tensor);
  return bytes;
}

}  // namespace riffle
