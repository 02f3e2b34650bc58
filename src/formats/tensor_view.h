// A named tensor as stored bytes: what every weight file holds, whatever its format.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace riffle {

/// Types of stored numbers. kF16 and kBf16 are carried as bytes; the others have typed access (Values).
enum class DType { kF64, kF32, kF16, kBf16, kI64, kI32, kU8 };

/// "F32", ... (the names of safetensors).
std::string_view NameOf(DType dtype);

template <class T>
constexpr DType kDTypeOf = DType{-1};
template <>
inline constexpr DType kDTypeOf<double> = DType::kF64;
template <>
inline constexpr DType kDTypeOf<float> = DType::kF32;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::kI64;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kI32;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::kU8;

template <class T>
concept StoredNumber = kDTypeOf<T>
!= DType{-1};

/// One tensor, row-major, little-endian. `bytes` belong to the file or the caller, and need not be aligned.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  ///< [] is one number
  std::span<const uint8_t> bytes;
};

/// Bytes of a tensor of this type and shape; InvalidArgument if a dimension is negative or the product overflows.
Result<int64_t> ByteCount(DType dtype, std::span<const int64_t> shape);

/// "[24, 3, 3, 3]", for messages.
std::string ShapeText(std::span<const int64_t> shape);

/// A view on the caller's numbers.
template <StoredNumber T>
TensorView ViewOf(std::string name, std::vector<int64_t> shape, std::span<const T> values) {
  return {std::move(name),
          kDTypeOf<T>,
          std::move(shape),
          {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()}};
}

/// Copies the tensor's numbers; `to` has as many. InvalidArgument if they are stored as another type.
template <StoredNumber T>
Status CopyValues(const TensorView& tensor, std::span<T> to) {
  if (tensor.dtype != kDTypeOf<T>)
    return InvalidArgument("tensor {}: expected {} values, found {}", Quoted(tensor.name), NameOf(kDTypeOf<T>),
                           NameOf(tensor.dtype));
  if (!to.empty()) std::memcpy(to.data(), tensor.bytes.data(), to.size_bytes());
  return {};
}

/// The same into new memory.
template <StoredNumber T>
Result<std::vector<T>> Values(const TensorView& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  RIFFLE_TRY(CopyValues<T>(tensor, values));
  return values;
}

}  // namespace riffle
