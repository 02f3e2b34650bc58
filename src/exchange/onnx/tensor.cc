#include "exchange/onnx/tensor.h"

#include <google/protobuf/io/coded_stream.h>

#include <bit>
#include <cstring>
#include <limits>

#include "base/json.h"

namespace riffle {
namespace {

using google::protobuf::io::CodedInputStream;
using onnx_pb::TensorProto;

struct StoredType {
  TensorProto::DataType type;
  std::string_view name;
  int64_t bytes;
  int (TensorProto::*count)() const;  // where values stand that are not in raw_data
};
constexpr StoredType kTypes[] = {
    {TensorProto::FLOAT, "float", 4, &TensorProto::float_data_size},
    {TensorProto::DOUBLE, "double", 8, &TensorProto::double_data_size},
    {TensorProto::FLOAT16, "float16", 2, &TensorProto::int32_data_size},
    {TensorProto::BFLOAT16, "bfloat16", 2, &TensorProto::int32_data_size},
    {TensorProto::INT32, "int32", 4, &TensorProto::int32_data_size},
    {TensorProto::INT64, "int64", 8, &TensorProto::int64_data_size},
};

const StoredType* TypeOf(const TensorProto& tensor) {
  for (const StoredType& type : kTypes)
    if (type.type == tensor.data_type()) return &type;
  return nullptr;
}

float FromHalf(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 0) {  // zero, or a number below the smallest of full precision
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t wide = exponent == 31 ? 255 : exponent - 15 + 127;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float FromBfloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// `raw`, or the values of the field that its type has, as `convert` makes them of what is stored.
template <class Stored, class To, class Field, class Convert>
std::vector<To> Read(const TensorProto& tensor, int64_t count, const Field& field, Convert convert) {
  std::vector<To> values;
  values.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    Stored stored;
    if (tensor.has_raw_data())
      std::memcpy(&stored, tensor.raw_data().data() + i * sizeof stored, sizeof stored);
    else
      stored = static_cast<Stored>(field.Get(static_cast<int>(i)));
    values.push_back(convert(stored));
  }
  return values;
}

}  // namespace

bool HoldsFloats(const TensorProto& tensor) {
  return tensor.data_type() == TensorProto::FLOAT || tensor.data_type() == TensorProto::DOUBLE ||
         tensor.data_type() == TensorProto::FLOAT16 || tensor.data_type() == TensorProto::BFLOAT16;
}

Result<int64_t> CheckTensor(const TensorProto& tensor) {
  const std::string name = "tensor " + Quoted(tensor.name());
  if (tensor.data_location() == TensorProto::EXTERNAL || tensor.external_data_size() > 0) {
    std::string file;
    for (const auto& entry : tensor.external_data())
      if (entry.key() == "location") file = entry.value();
    return InvalidArgument(
        "{} is in a file of its own, {}: Riffle reads one file; onnx.save(onnx.load(FILE), OUT) puts them into one",
        name, Quoted(file));
  }
  const StoredType* type = TypeOf(tensor);
  if (!type)
    return InvalidArgument("{} has values of ONNX's type {}: expected float, double, float16, bfloat16, int32 or int64",
                           name, tensor.data_type());
  int64_t count = 1;
  for (const int64_t size : tensor.dims()) {
    if (size < 0) return DataLoss("{} has a dimension of {}", name, size);
    if (size > 0 && count > std::numeric_limits<int64_t>::max() / 8 / size)
      return DataLoss("{} has dimensions whose product overflows", name);
    count *= size;
  }
  if (tensor.has_raw_data()) {
    if (static_cast<int64_t>(tensor.raw_data().size()) != count * type->bytes)
      return DataLoss("{} needs {} bytes for {} values of {}, it has {}", name, count * type->bytes, count, type->name,
                      tensor.raw_data().size());
  } else if ((tensor.*type->count)() != count) {
    return DataLoss("{} needs {} values of {}, it has {}", name, count, type->name, (tensor.*type->count)());
  }
  return count;
}

Result<std::vector<float>> FloatsOf(const TensorProto& tensor) {
  RIFFLE_ASSIGN(const int64_t count, CheckTensor(tensor));
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return Read<float, float>(tensor, count, tensor.float_data(), [](float v) { return v; });
    case TensorProto::DOUBLE:
      return Read<double, float>(tensor, count, tensor.double_data(), [](double v) { return static_cast<float>(v); });
    case TensorProto::FLOAT16:
      return Read<uint16_t, float>(tensor, count, tensor.int32_data(), FromHalf);
    case TensorProto::BFLOAT16:
      return Read<uint16_t, float>(tensor, count, tensor.int32_data(), FromBfloat);
    default:
      return InvalidArgument("tensor {}: expected floating-point values, found {}", Quoted(tensor.name()),
                             TypeOf(tensor)->name);
  }
}

Result<std::vector<int64_t>> IntsOf(const TensorProto& tensor) {
  RIFFLE_ASSIGN(const int64_t count, CheckTensor(tensor));
  switch (tensor.data_type()) {
    case TensorProto::INT32:
      return Read<int32_t, int64_t>(tensor, count, tensor.int32_data(), [](int32_t v) { return int64_t{v}; });
    case TensorProto::INT64:
      return Read<int64_t, int64_t>(tensor, count, tensor.int64_data(), [](int64_t v) { return v; });
    default:
      return InvalidArgument("tensor {}: expected whole numbers, found {}", Quoted(tensor.name()),
                             TypeOf(tensor)->name);
  }
}

namespace {

// Fields that lead to weights, and those that are weights, of the messages on the way; `onnx.proto` names them.
enum class Message { kModel, kGraph, kNode, kAttribute, kTensor, kWeights, kOther };
Message Child(Message parent, int field) {
  switch (parent) {
    case Message::kModel:
      return field == 7 ? Message::kGraph : Message::kOther;
    case Message::kGraph:
      return field == 1 ? Message::kNode : field == 5 ? Message::kTensor : Message::kOther;
    case Message::kNode:
      return field == 5 ? Message::kAttribute : Message::kOther;
    case Message::kAttribute:
      return field == 5 ? Message::kTensor : Message::kOther;
    case Message::kTensor:
      return field == 4 || field == 5 || field == 9 || field == 10 ? Message::kWeights : Message::kOther;
    default:
      return Message::kOther;
  }
}

// Bytes of packed weights in one message; -1 if it is no message. At most as deep as the list above.
int64_t WeightBytes(CodedInputStream& in, Message message) {
  int64_t bytes = 0;
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t length = 0;
    uint64_t ignored;
    switch (tag & 7) {
      case 0:
        if (!in.ReadVarint64(&ignored)) return -1;
        continue;
      case 1:
        if (!in.Skip(8)) return -1;
        continue;
      case 5:
        if (!in.Skip(4)) return -1;
        continue;
      case 2:
        break;
      default:
        return -1;
    }
    if (!in.ReadVarint32(&length) || length > static_cast<uint32_t>(in.BytesUntilLimit())) return -1;
    const Message child = Child(message, static_cast<int>(tag >> 3));
    if (child == Message::kWeights) bytes += length;
    if (child == Message::kWeights || child == Message::kOther) {
      if (!in.Skip(static_cast<int>(length))) return -1;
      continue;
    }
    const auto limit = in.PushLimit(static_cast<int>(length));
    const int64_t inner = WeightBytes(in, child);
    if (inner < 0 || in.BytesUntilLimit() != 0) return -1;
    in.PopLimit(limit);
    bytes += inner;
  }
  return in.ConsumedEntireMessage() ? bytes : -1;
}

}  // namespace

Status CheckStructureBytes(std::span<const uint8_t> file) {
  constexpr int64_t kMostBytes = int64_t{8} << 20;
  CodedInputStream in(file.data(), static_cast<int>(file.size()));
  in.SetTotalBytesLimit(std::numeric_limits<int>::max());
  const auto whole = in.PushLimit(static_cast<int>(file.size()));
  const int64_t weights = WeightBytes(in, Message::kModel);
  in.PopLimit(whole);
  if (weights < 0) return DataLoss("no ONNX file, or a damaged one: was the copy interrupted?");
  const int64_t rest = static_cast<int64_t>(file.size()) - weights;
  if (rest > kMostBytes)
    return DataLoss("{} of its {} bytes are no weights, at most {} were expected: this is no ShuffleNetV1", rest,
                    file.size(), kMostBytes);
  return {};
}

}  // namespace riffle
