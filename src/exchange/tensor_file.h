// What a weight file of another tool holds: named tensors, and the memory that they are views on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/arena.h"
#include "formats/safetensors.h"
#include "formats/tensor_view.h"

namespace riffle {

/// The tensors of a file, contiguous and row-major, in the file's order. Moves, but does not copy.
struct TensorFile {
  std::string path;
  std::string format;  ///< for people: "MindSpore checkpoint", "PyTorch file"
  std::vector<TensorView> tensors;
  Metadata metadata;  ///< what the file says of itself; empty for most
  std::vector<AlignedArray<uint8_t>> memory;

  TensorFile() = default;
  TensorFile(TensorFile&&) = default;
  TensorFile& operator=(TensorFile&&) = default;
};

}  // namespace riffle
