#include "exchange/tensor_file.h"

#include <utility>

#include "base/file.h"
#include "exchange/mindspore/mindspore.h"
#include "exchange/pytorch/pytorch.h"
#include "formats/file_format.h"

namespace riffle {
namespace {

Result<TensorFile> ReadSafetensors(AlignedArray<uint8_t> bytes, std::string path) {
  RIFFLE_ASSIGN(SafetensorsFile read, SafetensorsFile::FromBytes(std::move(bytes), std::move(path)));
  TensorFile file;
  file.path = read.path();
  file.format = "safetensors file";
  file.tensors.assign(read.tensors().begin(), read.tensors().end());
  file.metadata = read.metadata();
  file.memory.push_back(std::move(read).TakeBytes());
  return file;
}

}  // namespace

Result<TensorFile> ReadTensorFile(AlignedArray<uint8_t> bytes, std::string path) {
  const FileKind kind = FileKindOf({bytes.data(), bytes.size()});
  switch (kind.format) {
    case FileFormat::kSafetensors:
      return ReadSafetensors(std::move(bytes), std::move(path));
    case FileFormat::kPyTorch:
    case FileFormat::kZip:
      return ReadPyTorch(std::move(bytes), std::move(path));
    case FileFormat::kMindSpore:
      return ReadMindSpore(std::move(bytes), std::move(path));
    case FileFormat::kOnnx:
      return InvalidArgument("{}: {}, which is more than tensors: 'riffle import' reads it", path, kind.name);
    case FileFormat::kOther:
      break;
  }
  return InvalidArgument("{}: no weights but {}", path, NameAndAdvice(kind));
}

Result<TensorFile> ReadTensorFile(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  return ReadTensorFile(std::move(bytes), path.string());
}

}  // namespace riffle
