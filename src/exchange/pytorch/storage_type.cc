#include "exchange/pytorch/storage_type.h"

#include <algorithm>
#include <iterator>

namespace riffle {
namespace {

constexpr StorageType kTypes[] = {
    {"FloatStorage", DType::kF32, 4},        {"DoubleStorage", DType::kF64, 8},
    {"HalfStorage", DType::kF16, 2},         {"BFloat16Storage", DType::kBf16, 2},
    {"LongStorage", DType::kI64, 8},         {"IntStorage", DType::kI32, 4},
    {"ShortStorage", DType::kI16, 2},        {"CharStorage", DType::kI8, 1},
    {"ByteStorage", DType::kU8, 1},          {"BoolStorage", DType::kBool, 1},
    {"ComplexFloatStorage", DType::kC64, 8}, {"ComplexDoubleStorage", std::nullopt, 16},
    {"QInt8Storage", std::nullopt, 1},       {"QUInt8Storage", std::nullopt, 1},
    {"QInt32Storage", std::nullopt, 4},      {"UntypedStorage", std::nullopt, 1},
};

}  // namespace

const StorageType* FindStorageType(std::string_view name) {
  const auto* type = std::ranges::find(kTypes, name, &StorageType::name);
  return type == std::end(kTypes) ? nullptr : type;
}

const StorageType* FindStorageType(DType dtype) {
  const auto* type = std::ranges::find(kTypes, std::optional(dtype), &StorageType::dtype);
  return type == std::end(kTypes) ? nullptr : type;
}

}  // namespace riffle
