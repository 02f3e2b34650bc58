// One door for weights, whoever wrote them: what --ckpt_path, --teacher_ckpt and 'riffle import' open.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "exchange/import.h"

namespace riffle {

/// A checkpoint of ours as it is, or the one that an import of another tool's file would have written.
struct OpenedWeights {
  Checkpoint checkpoint;
  bool imported = false;
  bool bgr = false;                ///< ImportedNetwork::bgr
  std::vector<std::string> notes;  ///< of the import, for people
};

/// Opens a checkpoint of ours, or a file of MindSpore's, PyTorch's, ONNX or bare safetensors, told apart by content.
/// `options` are for what is imported. Errors: those of Checkpoint::Open, ReadTensorFile, ImportTensors and ReadOnnx.
Result<OpenedWeights> OpenWeights(const std::filesystem::path& path, const ImportOptions& options = {});

/// Imports a file, also where it is a checkpoint of ours: then with what the options say over what the file says.
/// Errors: as OpenWeights.
Result<ImportedNetwork> ImportWeights(const std::filesystem::path& path, const ImportOptions& options);

}  // namespace riffle
