// Networks as ONNX files (https://onnx.ai), out and in: the format that ONNX Runtime, OpenVINO, TensorRT, ncnn and MNN
// read or convert from. Written is IR 8 with opset 13, which runtimes since 2021 take, as docs/weights.md shows it.
//
// The input is "pictures" [batch, in_channels, size, size], the output "logits" [batch, classes].
// Nodes and weights have the names of the steps and of the parameter registry: "stage2.0.conv1",
// "stage2.0.conv1.weight".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exchange/exportable.h"
#include "model/plan.h"

namespace riffle {

/// How the channel shuffle is written.
enum class OnnxShuffle {
  kNodes,  ///< Reshape, Transpose, Reshape, as everybody does
  /// No node: the order of the channels is in the weights. Between two grouped convolutions no order of their channels
  /// does that, for each group of the second reads some of every group of the first. Free is stage 2's first unit,
  /// whose first convolution has no groups: its rows are permuted. In every other unit the second pointwise convolution
  /// is written without groups, with zeros: as many times its weights and multiplications as the network has groups,
  /// the price of a runtime that cannot transpose. Of the zoo's networks, whole ones become 1.1 to 2.8 times as large
  /// and multiply 1.3 to 3.7 times as often (3 groups at 1.0: 1.5 and 1.8).
  kFolded,
};

struct OnnxOptions {
  bool fold_batch_norm = true;  ///< into the convolutions; or BatchNormalization nodes
  OnnxShuffle shuffle = OnnxShuffle::kNodes;
  bool preprocess = false;     ///< input is uint8 (grey or RGB, 0 to 255); the graph normalises it
  bool probabilities = false;  ///< output is "probabilities": the softmax of the logits
  int64_t batch = 0;           ///< fixed number of pictures; 0: any, the dimension is called "batch"
};

/// The file's bytes. InvalidArgument for a negative batch, and what a protocol buffer cannot hold: names of classes
/// that are not UTF-8, 2 GB of weights.
Result<std::string> OnnxModel(const Exportable& network, const OnnxOptions& options);

/// Writes the model and beside it, STEM being its name without ".onnx",
///   STEM.labels.txt                 the names of the classes, a line each, where they are known
///   STEM.test.png, STEM.test.json   a picture of the network's size and what the other two files are
///   STEM.test.input.bin             what the graph is fed for it: float32, little-endian (uint8 with `preprocess`)
///   STEM.test.output.bin            what it must give, computed by Riffle: float32
/// so that whoever runs the model elsewhere can tell whether it is the same. Errors: those of OnnxModel and
/// WriteFileAtomically.
Status ExportOnnx(const std::filesystem::path& path, const Exportable& network, const OnnxOptions& options);

/// Runs an exported file in ONNX Runtime for Python (`python`: the interpreter, a name or a path) on random pictures,
/// and returns the largest difference from Riffle's own outputs, relative to the largest of these. Unavailable if there
/// is no such Python or it has no onnxruntime; InvalidArgument, with the runtime's message, if it refuses the file.
Result<double> CheckOnnx(const std::filesystem::path& path, const Exportable& network, const OnnxOptions& options,
                         const std::string& python = "python3");

/// A network that was read. Its description has the name of the zoo's row with these numbers, "shufflenet_v1" where
/// there is none, or what a file of ours says.
struct OnnxNetwork {
  ModelDescription model;
  ParameterValues<float> values;               ///< of MakePlan(model)
  std::vector<std::string> classes;            ///< empty: the file does not say
  std::optional<Preprocessing> preprocessing;  ///< none: the file does not say
  std::string producer;                        ///< "pytorch 1.13.1"; empty: the file does not say
};

/// The ShuffleNetV1 in an ONNX file, whoever wrote it: recognised by its structure alone, not by names. Batch norms may
/// be nodes or folded (then they are read as mean 0, gamma 1 and beta the bias). Where the graph leaves a convention
/// open, as the pools of odd sizes do, it is that of MindCV. Errors: those of ReadFile, DataLoss for a file that is
/// damaged, InvalidArgument for another network, which names the first node that differs, and for what is not read:
/// weights in files of their own, quantised ones.
Result<OnnxNetwork> ReadOnnx(const std::filesystem::path& path);
Result<OnnxNetwork> ReadOnnx(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace riffle
