// Files of torch.save: state dicts, read without executing anything, and written.
//   zip       since PyTorch 1.6: ROOT/data.pkl (a pickle), ROOT/data/KEY (the numbers of a storage), ROOT/version, ...
//   legacy    0.1.10 to 1.5: five pickles (magic number, protocol, system, object, keys), then the storages
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/status.h"
#include "exchange/tensor_file.h"
#include "formats/tensor_view.h"

namespace riffle {

/// What a .pth.zip unpacks to at most, and all compressed files of a PyTorch archive together.
inline constexpr uint64_t kMostUnzippedBytes = uint64_t{512} << 20;

/// The metadata key under which ReadPyTorch has what WritePyTorch was given.
inline constexpr const char* kRiffleRecord = "riffle";

/// The tensors of either container, told apart by content, or of one in a zip of its own (.pth.zip). Which of a
/// checkpoint's tensors, and by what names: ReadStateDict (state_dict.h), which is also asked for `key`. Errors:
/// NotFound, IoError; InvalidArgument, saying what it is, for other files: TorchScript, whole networks as Python
/// objects, archives of before 0.1.10; DataLoss for a file that is damaged or made to harm.
Result<TensorFile> ReadPyTorch(const std::filesystem::path& path, std::string_view key = "");
/// The same of a file in memory; `path` stands in messages.
Result<TensorFile> ReadPyTorch(AlignedArray<uint8_t> bytes, std::string path, std::string_view key = "");

/// The content of a zip that holds one file alone. InvalidArgument if it holds another number of files, DataLoss if it
/// is damaged or unpacks to more than `most_bytes`.
Result<AlignedArray<uint8_t>> UnzipSingleFile(std::span<const uint8_t> zip, uint64_t most_bytes = kMostUnzippedBytes);

/// Writes an OrderedDict of tensors, in the order given, as torch.load(FILE, weights_only=True) reads it; completely or
/// not at all. `extra`, if there is any, becomes a JSON object in a record that PyTorch passes over
/// (ROOT/extra/riffle.json). The same input gives the same bytes. InvalidArgument: a name twice, bytes that do not fit
/// the shape, a type that PyTorch of 1.6 does not have, text that is not UTF-8, more than 4 GiB.
Status WritePyTorch(const std::filesystem::path& path, std::span<const TensorView> tensors, const Metadata& extra);

}  // namespace riffle
