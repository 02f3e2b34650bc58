#include "formats/tensor_view.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace riffle {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian, and read as they are");

struct DTypeRow {
  DType dtype;
  std::string_view name;
  int64_t bits;  // of one number
};
constexpr DTypeRow kDTypes[] = {
    {DType::kF64, "F64", 64},       {DType::kF32, "F32", 32},       {DType::kF16, "F16", 16},
    {DType::kBf16, "BF16", 16},     {DType::kI64, "I64", 64},       {DType::kI32, "I32", 32},
    {DType::kI16, "I16", 16},       {DType::kI8, "I8", 8},          {DType::kU64, "U64", 64},
    {DType::kU32, "U32", 32},       {DType::kU16, "U16", 16},       {DType::kU8, "U8", 8},
    {DType::kBool, "BOOL", 8},      {DType::kC64, "C64", 64},       {DType::kF8E4M3, "F8_E4M3", 8},
    {DType::kF8E5M2, "F8_E5M2", 8}, {DType::kF8E8M0, "F8_E8M0", 8}, {DType::kF6E2M3, "F6_E2M3", 6},
    {DType::kF6E3M2, "F6_E3M2", 6}, {DType::kF4, "F4", 4},
};

const DTypeRow& RowOf(DType dtype) { return *std::ranges::find(kDTypes, dtype, &DTypeRow::dtype); }

template <class T>
T Load(const TensorView& tensor, size_t index) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof value, sizeof value);
  return value;
}

// IEEE 754 binary16: a sign, five bits of exponent, ten of fraction.
float FloatOfHalf(uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int fraction = half & 0x3ff;
  float magnitude;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction | 0x400), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

// The upper half of a float.
float FloatOfBf16(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }

}  // namespace

std::string_view NameOf(DType dtype) { return RowOf(dtype).name; }

std::optional<DType> DTypeNamed(std::string_view name) {
  const auto* row = std::ranges::find(kDTypes, name, &DTypeRow::name);
  return row == std::end(kDTypes) ? std::nullopt : std::optional(row->dtype);
}

Result<int64_t> ByteCount(DType dtype, std::span<const int64_t> shape) {
  const int64_t bits_of_one = RowOf(dtype).bits;
  int64_t bits = bits_of_one;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return InvalidArgument("expected dimensions of 0 or more, found {}", ShapeText(shape));
    if (__builtin_mul_overflow(bits, dimension, &bits))
      return InvalidArgument("the shape {} has more bytes than any file", ShapeText(shape));
  }
  if (bits % 8 != 0)
    return InvalidArgument("{} values of {} bits each do not fill their last byte", bits / bits_of_one, bits_of_one);
  return bits / 8;
}

std::string ShapeText(std::span<const int64_t> shape) {
  constexpr size_t kMost = 16;  // keeps a hostile shape's message short
  std::string text = "[";
  for (size_t i = 0; i < shape.size() && i < kMost; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() > kMost ? ", …]" : "]");
}

Result<std::vector<float>> AsFloats(const TensorView& tensor) {
  if (tensor.dtype == DType::kF32) return Values<float>(tensor);
  const auto converted = [&](size_t bytes_of_one, auto to_float) {
    std::vector<float> values(tensor.bytes.size() / bytes_of_one);
    for (size_t i = 0; i < values.size(); ++i) values[i] = to_float(i);
    return values;
  };
  switch (tensor.dtype) {
    case DType::kF64:
      return converted(8, [&](size_t i) { return static_cast<float>(Load<double>(tensor, i)); });
    case DType::kF16:
      return converted(2, [&](size_t i) { return FloatOfHalf(Load<uint16_t>(tensor, i)); });
    case DType::kBf16:
      return converted(2, [&](size_t i) { return FloatOfBf16(Load<uint16_t>(tensor, i)); });
    default:
      return InvalidArgument("tensor {}: expected F32, F64, F16 or BF16 values, found {}", Quoted(tensor.name),
                             NameOf(tensor.dtype));
  }
}

}  // namespace riffle
