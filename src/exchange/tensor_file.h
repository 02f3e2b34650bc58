// What a weight file of another tool holds: named tensors, and the memory that they are views on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/status.h"
#include "formats/safetensors.h"
#include "formats/tensor_view.h"

namespace riffle {

/// The tensors of a file, contiguous and row-major, in the file's order. Moves, but does not copy.
struct TensorFile {
  std::string path;
  std::string format;  ///< for people: "MindSpore checkpoint", "PyTorch file"
  std::vector<TensorView> tensors;
  std::string key;  ///< under which the file has them: "state_dict"; "": they are all that it has
  std::vector<std::string>
      other_keys;     ///< under which it has further tensors of these names, not read: "state_dict_ema"
  Metadata metadata;  ///< what the file says of itself; empty for most
  std::vector<AlignedArray<uint8_t>> memory;

  TensorFile() = default;
  TensorFile(TensorFile&&) = default;
  TensorFile& operator=(TensorFile&&) = default;
};

/// Reads a file of tensors, told by its content and not by its name: safetensors of anybody's, PyTorch's containers
/// (pytorch/pytorch.h), MindSpore's checkpoints (mindspore/mindspore.h). Errors: as their readers'; InvalidArgument for
/// another kind of file, which it names. `key`: of several networks in the file the tensors of this one alone, whose
/// names then begin behind it ("student" of "student.conv.weight"); NotFound if there are none; "": no choice is made.
/// ONNX is one: a network, not only its tensors; who reads those asks FormatOf (formats/file_format.h) first.
Result<TensorFile> ReadTensorFile(const std::filesystem::path& path, std::string_view key = "");
/// The same of a file in memory; `path` stands in messages.
Result<TensorFile> ReadTensorFile(AlignedArray<uint8_t> bytes, std::string path, std::string_view key = "");
/// The same of a safetensors file that is open already.
Result<TensorFile> ReadTensorFile(SafetensorsFile read, std::string_view key = "");

}  // namespace riffle
