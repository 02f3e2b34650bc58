#include "formats/file_format.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "formats/safetensors_checksum.h"

namespace riffle {
namespace {

constexpr std::string_view kReadable = "riffle reads safetensors, PyTorch's, MindSpore's and ONNX files";
constexpr std::string_view kFetch = "fetch the file itself";
constexpr std::string_view kDecrypt = "decrypt it with MindSpore, and save it again";

// Files by the bytes that they begin with.
struct Magic {
  size_t offset;
  std::string_view bytes;
  FileKind kind;
};
using enum FileFormat;
constexpr Magic kMagics[] = {
    {0, "PK\x03\x04", {kZip, "a zip archive, as PyTorch's and Keras' checkpoints are", ""}},
    {0, std::string_view("PK\x05\x06\0\0\0\0", 8), {kOther, "an empty zip archive", kReadable}},
    {0, "\x89HDF", {kOther, "HDF5, as Keras' checkpoints are", kReadable}},
    {4, "TFL3", {kOther, "a network for TensorFlow Lite", kReadable}},
    {0, "\x93NUMPY", {kOther, "an array of NumPy's", kReadable}},
    {0, "GGUF", {kOther, "GGUF, which holds language models", kReadable}},
    {0, "7767517\n", {kOther, "a network of ncnn's", kReadable}},
    {0, "\xd8\x5e\x3a\x7f", {kOther, "an encrypted checkpoint of MindSpore's", kDecrypt}},
    {0, "\xd9\x5e\x3a\x7f", {kOther, "an encrypted checkpoint of MindSpore's", kDecrypt}},
    {0, "\xda\x5e\x3a\x7f", {kOther, "an encrypted checkpoint of MindSpore's", kDecrypt}},
    {0,
     "version https://git-lfs",
     {kOther, "a Git LFS pointer", "fetch the file that it stands for with 'git lfs pull'"}},
    {0, "<!", {kOther, "a web page", kFetch}},
    {0, "<html", {kOther, "a web page", kFetch}},
    {0, "<HTML", {kOther, "a web page", kFetch}},
    {0, "\x1f\x8b", {kOther, "compressed with gzip", "unpack it with gunzip"}},
    {0, "\x28\xb5\x2f\xfd", {kOther, "compressed with zstd", "unpack it with unzstd"}},
    {0, "BZh", {kOther, "compressed with bzip2", "unpack it with bunzip2"}},
    {0, "\xfd\x37zXZ", {kOther, "compressed with xz", "unpack it with unxz"}},
    {0, "7z\xbc\xaf\x27\x1c", {kOther, "a 7-Zip archive", "unpack it"}},
    {0, "Rar!", {kOther, "a RAR archive", "unpack it"}},
    {0,
     std::string_view("sys_info\0", 9),
     {kOther, "a file of PyTorch's before 0.1.10", "load it with PyTorch, and save it again"}},
    {257, "ustar", {kOther, "a tar archive", "unpack it"}},
    {0, "\xff\xd8\xff", {kOther, "a picture", kReadable}},
    {0, "\x89PNG", {kOther, "a picture", kReadable}},
};

// A header's length, and JSON.
bool IsSafetensors(std::string_view bytes) {
  uint64_t length;
  if (bytes.size() <= sizeof length) return false;
  std::memcpy(&length, bytes.data(), sizeof length);
  return length >= 2 && length <= kMostHeaderBytes && bytes[sizeof length] == '{';
}

// A pickle of protocol 2 to 5. The first of the pickles of which PyTorch's old files consist is a magic number, which
// stands within the first bytes, whatever the protocol puts around it.
FileKind KindOfPickle(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != '\x80' || bytes[1] < 2 || bytes[1] > 5) return {};
  constexpr std::string_view kNumber = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  if (bytes.substr(0, 32).find(kNumber) != std::string_view::npos)
    return {kPyTorch, "a Python pickle, as PyTorch's old checkpoints are", ""};
  return {kOther, "a Python pickle, but not of torch.save's",
          "load it in Python, and save its tensors with torch.save"};
}

// MindSpore's begin with a field 1 (a parameter) in which field 1 (its name) comes first, ONNX's with the version of
// the format and one of the next fields: who wrote it, the graph, the operators' version.
FileKind KindOfProtobuf(std::string_view bytes) {
  if (bytes.starts_with('\x0a')) {
    size_t inner = 1;
    while (inner < bytes.size() && inner < 6 && (bytes[inner] & 0x80) != 0) ++inner;
    if (bytes.substr(inner).size() > 1 && bytes[inner + 1] == '\x0a')
      return {kMindSpore, "a checkpoint of MindSpore's", ""};
  }
  constexpr std::string_view kNextTags = "\x12\x1a\x22\x28\x32\x3a\x42";  // fields 2 to 8
  const bool is_onnx = bytes.size() > 2 && bytes[0] == '\x08' && bytes[1] > 0 && bytes[1] < 32 &&
                       kNextTags.find(bytes[2]) != std::string_view::npos;
  return is_onnx ? FileKind{kOnnx, "a network in ONNX", ""} : FileKind{};
}

bool IsText(std::string_view bytes) {
  return bytes.size() > 8 &&
         std::ranges::all_of(bytes, [](unsigned char c) { return std::isprint(c) || std::isspace(c); });
}

}  // namespace

FileKind FileKindOf(std::span<const uint8_t> file) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  if (bytes.empty()) return {kOther, "an empty file", "copy it again"};
  if (IsSafetensors(bytes)) return {kSafetensors, "safetensors", ""};
  for (const Magic& magic : kMagics)
    if (bytes.size() > magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) return magic.kind;
  if (const FileKind kind = KindOfPickle(bytes); !kind.name.empty()) return kind;
  const std::string_view start = bytes.substr(0, 64);
  if (bytes.size() > 8 && start.find_first_not_of('\0') == std::string_view::npos)
    return {kOther, "zeros, as of a copy that was broken off", "copy it again"};
  if (const FileKind kind = KindOfProtobuf(bytes); !kind.name.empty()) return kind;
  return IsText(start) ? FileKind{kOther, "a text", kReadable} : FileKind{};
}

std::string NameAndAdvice(const FileKind& kind) {
  if (kind.name.empty()) return "a file of an unknown kind";
  return std::string(kind.name).append(kind.advice.empty() ? "" : ": ").append(kind.advice);
}

FileFormat FormatOf(std::span<const uint8_t> file) { return FileKindOf(file).format; }

}  // namespace riffle
