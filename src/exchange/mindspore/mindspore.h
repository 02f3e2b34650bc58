// Checkpoints of MindSpore's save_checkpoint (.ckpt): protocol buffers with one parameter after another, of which large
// ones are split; perhaps a checksum at the end.
#pragma once

#include <filesystem>
#include <string>

#include "base/arena.h"
#include "base/status.h"
#include "exchange/tensor_file.h"

namespace riffle {

/// The parameters in the file's order. Texts among them (append_dict) become metadata. A number alone may be stored
/// with the shape [] or [0]: both are []. Errors: NotFound, IoError; InvalidArgument for another kind of file, an
/// encrypted one, one of 2 GiB or more, or a type that is not read; DataLoss, naming the parameter, for a file that is
/// truncated or damaged.
Result<TensorFile> ReadMindSpore(const std::filesystem::path& path);
/// The same of a file in memory; `path` stands in messages.
Result<TensorFile> ReadMindSpore(AlignedArray<uint8_t> bytes, std::string path);

}  // namespace riffle
