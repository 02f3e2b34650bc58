// The storages that PyTorch keeps numbers in: one class a type.
#pragma once

#include <optional>
#include <string_view>

#include "formats/tensor_view.h"

namespace riffle {

struct StorageType {
  std::string_view name;       ///< of the class: "FloatStorage"
  std::optional<DType> dtype;  ///< none: quantised and other numbers that are passed over
  int64_t bytes;               ///< of one number
};

/// The type of this name, or of these numbers; null if there is none.
const StorageType* FindStorageType(std::string_view name);
const StorageType* FindStorageType(DType dtype);

}  // namespace riffle
