#include "exchange/mindspore/mindspore.h"

#include <google/protobuf/io/coded_stream.h>
#include <zlib.h>

#include <algorithm>
#include <climits>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "formats/file_format.h"
#include "mindspore/mindspore.pb.h"

namespace riffle {
namespace {

using Bytes = std::span<const uint8_t>;
using mindspore_pb::Checkpoint;
using mindspore_pb::TensorProto;
using mindspore_pb::Value;

struct TypeRow {
  std::string_view name;
  DType dtype;
};
constexpr TypeRow kTypes[] = {
    {"Float64", DType::kF64}, {"Float32", DType::kF32}, {"Float16", DType::kF16}, {"BFloat16", DType::kBf16},
    {"Int64", DType::kI64},   {"Int32", DType::kI32},   {"Int16", DType::kI16},   {"Int8", DType::kI8},
    {"UInt64", DType::kU64},  {"UInt32", DType::kU32},  {"UInt16", DType::kU16},  {"UInt8", DType::kU8},
    {"Bool", DType::kBool},
};
constexpr std::string_view kTextType = "str";

Result<DType> TypeOf(const TensorProto& tensor) {
  const auto* row = std::ranges::find(kTypes, tensor.tensor_type(), &TypeRow::name);
  if (row != std::end(kTypes)) return row->dtype;
  return InvalidArgument("its type {} is not read", Quoted(tensor.tensor_type()));
}

// The file without its checksum, if it has one: "crc_num" and ten bytes, the CRC-32 of all before, big-endian.
Result<Bytes> CheckCrc(Bytes file) {
  constexpr std::string_view kMark = "crc_num";
  constexpr size_t kNumberBytes = 10;
  if (file.size() < kMark.size() + kNumberBytes) return file;
  const Bytes content = file.first(file.size() - kMark.size() - kNumberBytes);
  if (!std::ranges::equal(file.subspan(content.size(), kMark.size()), kMark)) return file;
  uint64_t expected = 0;
  for (const uint8_t byte : file.last(kNumberBytes)) expected = expected << 8 | byte;
  const uLong found = crc32_z(crc32_z(0, nullptr, 0), content.data(), content.size());
  if (expected == found) return content;
  return DataLoss("damaged: expected the checksum {:08x} of its contents, found {:08x}. Use another copy", expected,
                  found);
}

Status NoParameters(Bytes content) {
  return DataLoss(
      "no checkpoint of MindSpore's, or truncated: its {} bytes are no protocol buffer of parameters. Was the copy "
      "interrupted?",
      content.size());
}

// That there are as many entries as networks have: one of two bytes takes a hundred in memory. REQUIRES: less than 2
// GiB
Status CheckCount(Bytes content) {
  constexpr int kMostValues = 1 << 20;
  constexpr uint32_t kValueTag = 1 << 3 | 2;
  google::protobuf::io::CodedInputStream stream(content.data(), static_cast<int>(content.size()));
  int values = 0;
  while (const uint32_t tag = stream.ReadTag()) {
    if (tag == kValueTag && ++values > kMostValues)
      return DataLoss("more than {} parameters: no checkpoint of a network", kMostValues);
    uint64_t number = 0;  // of an integer, or bytes that follow
    const uint32_t wire_type = tag & 7;
    bool ok = true;
    if (wire_type == 0 || wire_type == 2) ok = stream.ReadVarint64(&number);
    if (wire_type == 1) number = 8;
    if (wire_type == 5) number = 4;
    if (wire_type != 0) ok = ok && number <= INT_MAX && stream.Skip(static_cast<int>(number));
    if (!ok || wire_type == 3 || wire_type == 4) return NoParameters(content);
  }
  return {};
}

// A parameter: consecutive values of one name, whose contents follow one another.
struct Pieces {
  const std::string* name;
  std::span<const Value* const> values;

  const TensorProto& first() const { return values.front()->tensor(); }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const Value* value : values) sum += value->tensor().tensor_content().size();
    return sum;
  }
};

Result<TensorView> Announced(const Pieces& pieces) {
  const TensorProto& first = pieces.first();
  TensorView view = {
      .name = *pieces.name, .dtype = {}, .shape = {first.dims().begin(), first.dims().end()}, .bytes = {}};
  RIFFLE_ASSIGN(view.dtype, TypeOf(first));
  for (const Value* value : pieces.values)
    if (value->tensor().tensor_type() != first.tensor_type() ||
        !std::ranges::equal(value->tensor().dims(), first.dims()))
      return DataLoss("damaged: its pieces are of two types or shapes");
  RIFFLE_ASSIGN(const int64_t bytes_of_one, ByteCount(view.dtype, {}));
  if (view.shape == std::vector<int64_t>{0} && pieces.bytes() == static_cast<uint64_t>(bytes_of_one)) view.shape = {};
  const Result<int64_t> expected = ByteCount(view.dtype, view.shape);
  if (!expected.ok()) return DataLoss("damaged: {}", expected.status().message());
  if (static_cast<uint64_t>(*expected) != pieces.bytes())
    return DataLoss("damaged: {} {} needs {} bytes, it has {}", first.tensor_type(), ShapeText(view.shape), *expected,
                    pieces.bytes());
  return view;
}

Result<std::vector<const Value*>> CheckedValues(const Checkpoint& checkpoint) {
  std::vector<const Value*> values;
  for (const Value& value : checkpoint.value()) {
    if (!value.has_tag() || !value.has_tensor() || !value.tensor().has_tensor_type() ||
        !value.tensor().has_tensor_content())
      return DataLoss("damaged: parameter {} lacks its name, type or content", values.size() + 1);
    values.push_back(&value);
  }
  return values;
}

Status ReadValues(const Checkpoint& checkpoint, TensorFile* file) {
  RIFFLE_ASSIGN(const std::vector<const Value*> values, CheckedValues(checkpoint));
  std::set<std::string_view> names;
  std::vector<Pieces> all;
  uint64_t bytes = 0;
  for (size_t begin = 0, end; begin < values.size(); begin = end) {
    const std::string& name = values[begin]->tag();
    for (end = begin + 1; end < values.size() && values[end]->tag() == name;) ++end;
    if (!names.insert(name).second) return DataLoss("damaged: two parameters are called {}", Quoted(name));
    const Pieces pieces = {&name, std::span(values).subspan(begin, end - begin)};
    if (pieces.first().tensor_type() == kTextType) {
      file->metadata[AsUtf8(name)] = AsUtf8(pieces.first().tensor_content());
      continue;
    }
    Result<TensorView> view = Announced(pieces);
    if (!view.ok()) return Status(view.status()).In("parameter " + Quoted(name));
    file->tensors.push_back(std::move(*view));
    all.push_back(pieces);
    bytes += pieces.bytes();
  }
  if (all.empty()) return InvalidArgument("a checkpoint of MindSpore's without parameters");

  // The contents are the message's, which goes.
  AlignedArray<uint8_t>& memory = file->memory.emplace_back(bytes);
  uint8_t* to = memory.data();
  for (size_t i = 0; i < all.size(); ++i) {
    const uint8_t* const begin = to;
    for (const Value* value : all[i].values) to = std::ranges::copy(value->tensor().tensor_content(), to).out;
    file->tensors[i].bytes = {begin, to};
  }
  return {};
}

Status Read(Bytes bytes, TensorFile* file) {
  const FileKind kind = FileKindOf(bytes);
  if (kind.format != FileFormat::kMindSpore)
    return InvalidArgument("no checkpoint of MindSpore's but {}", NameAndAdvice(kind));
  RIFFLE_ASSIGN(const Bytes content, CheckCrc(bytes));
  if (content.size() > INT_MAX)
    return InvalidArgument("{} bytes: checkpoints of MindSpore's are read up to 2 GiB", content.size());
  RIFFLE_TRY(CheckCount(content));
  Checkpoint checkpoint;
  // Partial: what is required is checked here, not by a message on the screen.
  if (!checkpoint.ParsePartialFromArray(content.data(), static_cast<int>(content.size()))) return NoParameters(content);
  return ReadValues(checkpoint, file);
}

}  // namespace

Result<TensorFile> ReadMindSpore(AlignedArray<uint8_t> bytes, std::string path) {
  TensorFile file;
  file.path = std::move(path);
  file.format = "MindSpore checkpoint";
  Status status = Read({bytes.data(), bytes.size()}, &file);
  if (!status.ok()) return std::move(status).In(file.path);
  return file;
}

Result<TensorFile> ReadMindSpore(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  return ReadMindSpore(std::move(bytes), path.string());
}

}  // namespace riffle
