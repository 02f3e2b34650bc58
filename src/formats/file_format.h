// What format a file of weights has, told from its first bytes: for readers that choose, and for messages that say what
// to do about a file that none of them reads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace riffle {

/// The formats that are read. Of kOther, FileKind tells more.
enum class FileFormat {
  kSafetensors,
  kPyTorch,    ///< a pickle of torch.save's before 1.6
  kZip,        ///< PyTorch's of today, or whatever a zip holds: only its directory tells
  kMindSpore,  ///< protocol buffers have no magic number: a guess
  kOnnx,       ///< likewise
  kOther,
};

struct FileKind {
  FileFormat format = FileFormat::kOther;
  std::string_view name;    ///< "HDF5, as Keras' checkpoints are"; empty for a file of no known kind
  std::string_view advice;  ///< "unpack it with gunzip"; empty for a format that is read
};

/// Of a whole file, of which a few hundred bytes are looked at. Says nothing of its health.
FileKind FileKindOf(std::span<const uint8_t> file);
FileFormat FormatOf(std::span<const uint8_t> file);

/// What a file is that a reader does not take, and what to do: "a tar archive: unpack it", "of an unknown kind".
std::string NameAndAdvice(const FileKind& kind);

}  // namespace riffle
