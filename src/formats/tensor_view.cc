#include "formats/tensor_view.h"

#include <bit>

namespace riffle {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian, and read as they are");

std::string_view NameOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return "F64";
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBf16:
      return "BF16";
    case DType::kI64:
      return "I64";
    case DType::kI32:
      return "I32";
    case DType::kU8:
      return "U8";
  }
  return "?";
}

namespace {

/// Of one value.
int64_t BytesOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kI64:
      return 8;
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBf16:
      return 2;
    case DType::kU8:
      return 1;
  }
  return 0;
}

}  // namespace

Result<int64_t> ByteCount(DType dtype, std::span<const int64_t> shape) {
  int64_t bytes = BytesOf(dtype);
  for (const int64_t dimension : shape) {
    if (dimension < 0) return InvalidArgument("expected dimensions of 0 or more, found {}", ShapeText(shape));
    if (__builtin_mul_overflow(bytes, dimension, &bytes))
      return InvalidArgument("the shape {} has more bytes than any file", ShapeText(shape));
  }
  return bytes;
}

std::string ShapeText(std::span<const int64_t> shape) {
  constexpr size_t kMost = 16;  // keeps a hostile shape's message short
  std::string text = "[";
  for (size_t i = 0; i < shape.size() && i < kMost; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() > kMost ? ", …]" : "]");
}

}  // namespace riffle
