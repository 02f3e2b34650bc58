#include "exchange/open_weights.h"

#include "base/file.h"
#include "exchange/onnx/onnx.h"
#include "exchange/tensor_file.h"
#include "formats/file_format.h"
#include "model/plan.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// A graph says of its network what its weights do; of its input and its classes only one of ours does.
Result<ImportedNetwork> ImportOnnx(std::span<const uint8_t> bytes, const fs::path& path, const ImportOptions& options) {
  RIFFLE_ASSIGN(OnnxNetwork read, ReadOnnx(bytes, path.string()));
  CheckpointInfo info = {.model = read.model};
  AssumeImageNet(*FindWeightSource("riffle"), &info);
  info.preprocessing.image_size = read.model.image_size;
  if (read.preprocessing) info.preprocessing = *read.preprocessing;
  if (!read.classes.empty()) info.classes = read.classes;
  if (Status status = Apply(options, &info); !status.ok()) return std::move(status).In(path.string());
  RIFFLE_ASSIGN(const Plan plan, MakePlan(info.model));
  ImportedNetwork network{.info = std::move(info), .weights = Snapshot(plan.registry)};
  network.weights.values = std::move(read.values);
  network.notes.push_back(fmt::format("An ONNX file{}: {} of {} classes, as its graph has it",
                                      read.producer.empty() ? "" : " of " + read.producer, network.info.model.name,
                                      network.info.model.num_classes));
  return network;
}

Result<ImportedNetwork> ImportForeign(AlignedArray<uint8_t> bytes, const fs::path& path, const ImportOptions& options) {
  if (FormatOf({bytes.data(), bytes.size()}) == FileFormat::kOnnx)
    return ImportOnnx({bytes.data(), bytes.size()}, path, options);
  RIFFLE_ASSIGN(const TensorFile file, ReadTensorFile(std::move(bytes), path.string()));
  return ImportTensors(file, options);
}

/// A network of ours once more, with what the options say.
Result<ImportedNetwork> ImportOurs(const Checkpoint& checkpoint, const ImportOptions& options) {
  CheckpointInfo info = {.model = checkpoint.info().model,
                         .preprocessing = checkpoint.info().preprocessing,
                         .classes = checkpoint.info().classes};
  RIFFLE_TRY(Apply(options, &info));
  RIFFLE_ASSIGN(const Plan plan, MakePlan(info.model));
  ImportedNetwork network{.info = std::move(info), .weights = Snapshot(plan.registry)};
  RIFFLE_TRY(checkpoint.Load(plan.registry, checkpoint.best_weights(), &network.weights.values));
  network.notes.push_back(fmt::format("A checkpoint of Riffle's: {}{}", network.info.model.name,
                                      checkpoint.best_weights() == WeightSet::kEma ? ", averaged weights" : ""));
  return network;
}

/// Whether a file that Checkpoint::Open refused is none of ours: in another format, or of another's tensors.
bool IsForeign(std::span<const uint8_t> bytes, const fs::path& path) {
  const FileFormat format = FormatOf(bytes);
  if (format == FileFormat::kOther && (bytes.empty() || path.extension() == ".safetensors")) return false;  // damaged
  if (format != FileFormat::kSafetensors) return true;
  const Result<SafetensorsFile> file = SafetensorsFile::FromBytes(bytes, path.string());
  return file.ok() && !file->metadata().contains("model");
}

}  // namespace

Result<ImportedNetwork> ImportWeights(const fs::path& path, const ImportOptions& options) {
  const Result<Checkpoint> ours = Checkpoint::Open(path);
  if (ours.ok()) return ImportOurs(*ours, options);
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  if (!IsForeign({bytes.data(), bytes.size()}, path)) return ours.status();
  return ImportForeign(std::move(bytes), path, options);
}

Result<OpenedWeights> OpenWeights(const fs::path& path, const ImportOptions& options) {
  Result<Checkpoint> ours = Checkpoint::Open(path);
  if (ours.ok()) return OpenedWeights{.checkpoint = std::move(*ours)};
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  if (!IsForeign({bytes.data(), bytes.size()}, path)) return ours.status();
  RIFFLE_ASSIGN(const ImportedNetwork network, ImportForeign(std::move(bytes), path, options));
  RIFFLE_ASSIGN(const Plan plan, MakePlan(network.info.model));
  RIFFLE_ASSIGN(const std::string encoded, EncodeCheckpoint(network.info, plan.registry, network.weights));
  RIFFLE_ASSIGN(
      Checkpoint checkpoint,
      Checkpoint::FromBytes({reinterpret_cast<const uint8_t*>(encoded.data()), encoded.size()}, path.string()));
  return OpenedWeights{
      .checkpoint = std::move(checkpoint), .imported = true, .bgr = network.bgr, .notes = network.notes};
}

}  // namespace riffle
