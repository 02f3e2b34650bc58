// A named tensor as stored bytes: what every weight file holds, whatever its format.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace riffle {

/// Types of stored numbers, as safetensors has them. Some have typed access (Values), floating-point ones of 16 to 64
/// bits become floats (AsFloats), the others are carried as bytes.
enum class DType {
  kF64,
  kF32,
  kF16,
  kBf16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kC64,
  kF8E4M3,
  kF8E5M2,
  kF8E8M0,
  kF6E2M3,
  kF6E3M2,
  kF4,
};

/// "F32", ... (the names of safetensors).
std::string_view NameOf(DType dtype);
/// The reverse of NameOf; nullopt for a name of none.
std::optional<DType> DTypeNamed(std::string_view name);

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

/// Bytes of a tensor of this type and shape; InvalidArgument if a dimension is negative, the product overflows, or
/// numbers of less than a byte do not fill the last one.
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

/// The numbers of an F64, F32, F16 or BF16 tensor as floats, rounded to the nearest. InvalidArgument for other types,
/// naming the tensor: what is stored as an integer is a count or a quantised value, and no weight as it stands.
Result<std::vector<float>> AsFloats(const TensorView& tensor);

}  // namespace riffle
