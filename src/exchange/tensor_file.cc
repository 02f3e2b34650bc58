#include "exchange/tensor_file.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "exchange/mindspore/mindspore.h"
#include "exchange/pytorch/pytorch.h"
#include "formats/file_format.h"

namespace riffle {
namespace {

TensorFile TensorsOf(SafetensorsFile read) {
  TensorFile file;
  file.path = read.path();
  file.format = "safetensors file";
  file.tensors.assign(read.tensors().begin(), read.tensors().end());
  file.metadata = read.metadata();
  file.memory.push_back(std::move(read).TakeBytes());
  return file;
}

/// What stands before the dots of names: "student", "teacher".
std::vector<std::string_view> FirstWords(const std::vector<TensorView>& tensors) {
  std::vector<std::string_view> words;
  for (const TensorView& tensor : tensors) {
    const std::string_view word = std::string_view(tensor.name).substr(0, tensor.name.find('.'));
    if (std::ranges::find(words, word) == words.end()) words.push_back(word);
  }
  return words;
}

/// Leaves those under a key, unless all are.
Result<TensorFile> Under(std::string_view key, TensorFile file) {
  if (key == file.key) return file;
  const std::string prefix = std::string(key) + '.';
  const auto is_other = [&](const TensorView& tensor) { return !tensor.name.starts_with(prefix); };
  if (std::ranges::all_of(file.tensors, is_other)) {
    constexpr size_t kShown = 8;
    std::vector<std::string> found;
    for (const std::string_view word : FirstWords(file.tensors)) found.push_back(Quoted(word));
    if (found.size() > kShown) found.resize(kShown - 1), found.emplace_back("others");
    return NotFound("{}: expected tensors under the key {}, found {}", file.path, Quoted(key),
                    found.empty()
                        ? "none at all"
                        : "these: " + Enumerated(std::vector<std::string_view>(found.begin(), found.end()), "and"));
  }
  std::erase_if(file.tensors, is_other);
  for (TensorView& tensor : file.tensors) tensor.name.erase(0, prefix.size());
  file.key = key;
  return file;
}

Result<TensorFile> Read(AlignedArray<uint8_t> bytes, std::string path, std::string_view key) {
  const FileKind kind = FileKindOf({bytes.data(), bytes.size()});
  switch (kind.format) {
    case FileFormat::kSafetensors: {
      RIFFLE_ASSIGN(SafetensorsFile read, SafetensorsFile::FromBytes(std::move(bytes), std::move(path)));
      return TensorsOf(std::move(read));
    }
    case FileFormat::kPyTorch:
    case FileFormat::kZip:
      return ReadPyTorch(std::move(bytes), std::move(path), key);
    case FileFormat::kMindSpore:
      return ReadMindSpore(std::move(bytes), std::move(path));
    case FileFormat::kOnnx:
      return InvalidArgument("{}: {}, which is more than tensors: 'riffle import' reads it", path, kind.name);
    case FileFormat::kOther:
      break;
  }
  return InvalidArgument("{}: no weights but {}", path, NameAndAdvice(kind));
}

}  // namespace

Result<TensorFile> ReadTensorFile(AlignedArray<uint8_t> bytes, std::string path, std::string_view key) {
  RIFFLE_ASSIGN(TensorFile file, Read(std::move(bytes), std::move(path), key));
  return Under(key, std::move(file));
}

Result<TensorFile> ReadTensorFile(SafetensorsFile read, std::string_view key) {
  return Under(key, TensorsOf(std::move(read)));
}

Result<TensorFile> ReadTensorFile(const std::filesystem::path& path, std::string_view key) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  return ReadTensorFile(std::move(bytes), path.string(), key);
}

}  // namespace riffle
