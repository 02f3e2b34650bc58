// The safetensors format (huggingface/safetensors, "Format"): named tensors in one file that is safe to read.
//   8 bytes     N, the header's length, little-endian
//   N bytes     JSON {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}, where
//               "__metadata__" maps strings to strings; spaces at the end
//   the rest    the tensors' bytes, without holes or overlaps; offsets count from here
// Files that Riffle writes carry a checksum of each tensor and one of all their contents; what does not match is an
// error that names the tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/status.h"
#include "formats/tensor_view.h"

namespace riffle {

using Metadata = std::map<std::string, std::string>;

/// A file in memory, checked from end to end. Moves, but does not copy: its tensors are views on its bytes. Reading
/// from several threads is safe.
class SafetensorsFile {
 public:
  /// Reads and checks a file. NotFound or IoError if it cannot be read; DataLoss, naming the path, the tensor, what was
  /// expected and what found, if it is truncated, damaged or no safetensors file.
  static Result<SafetensorsFile> Open(const std::filesystem::path& path);
  /// The same of a file in memory, or of a copy of it; `path` stands in messages.
  static Result<SafetensorsFile> FromBytes(AlignedArray<uint8_t> bytes, std::string path);
  static Result<SafetensorsFile> FromBytes(std::span<const uint8_t> bytes, std::string path);

  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::string& path() const { return path_; }
  /// In the order of their bytes in the file. Valid as long as this file is.
  std::span<const TensorView> tensors() const { return tensors_; }
  /// What the writer was given; empty for a file without metadata.
  const Metadata& metadata() const { return metadata_; }
  /// A tensor by name. NotFound names the path and the nearest name.
  Result<TensorView> Find(std::string_view name) const;
  /// The memory that tensors() are views on, for an owner of several formats' files; they stay valid with it.
  AlignedArray<uint8_t> TakeBytes() && { return std::move(bytes_); }

 private:
  SafetensorsFile() = default;
  Status Parse();
  Status VerifyChecksums();

  std::string path_;
  AlignedArray<uint8_t> bytes_;
  std::vector<TensorView> tensors_;
  Metadata metadata_;
};

/// Writes the tensors in the order given, completely or not at all (WriteFileAtomically). The same input gives the same
/// bytes. InvalidArgument: a name twice, bytes that do not fit the shape, text that is not UTF-8, a metadata key that
/// is ours ("riffle.format", "riffle.crc32" and what begins with "riffle.crc32.").
Status WriteSafetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                        const Metadata& metadata);

/// The same bytes in memory.
Result<std::string> EncodeSafetensors(std::span<const TensorView> tensors, const Metadata& metadata);

}  // namespace riffle
