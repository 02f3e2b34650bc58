#include "exchange/open_weights.h"

#include <variant>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "exchange/onnx/onnx.h"
#include "exchange/tensor_file.h"
#include "formats/file_format.h"
#include "model/plan.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

Status CheckKey(const ImportOptions& options, const fs::path& path, std::string_view what) {
  if (options.key.empty()) return {};
  return InvalidArgument("{}: {}, which is one network: leave --ckpt_key out", path.string(), what);
}

/// A graph says of its network what its weights do; of its input and its classes only one of ours does.
Result<ImportedNetwork> ImportOnnx(std::span<const uint8_t> bytes, const fs::path& path, const ImportOptions& options) {
  RIFFLE_TRY(CheckKey(options, path, "an ONNX file"));
  RIFFLE_ASSIGN(OnnxNetwork read, ReadOnnx(bytes, path.string()));
  CheckpointInfo info = {.model = read.model};
  const WeightSource& ours = *FindWeightSource("riffle");
  AssumeImageNet(ours, &info);
  info.preprocessing.image_size = read.model.image_size;
  if (read.preprocessing) info.preprocessing = *read.preprocessing;
  if (!read.classes.empty()) info.classes = read.classes;
  std::vector<std::string> notes = {fmt::format("An ONNX file{}: {} of {}, as its graph has it",
                                                read.producer.empty() ? "" : " of " + Quoted(read.producer),
                                                info.model.name, Counted(info.model.num_classes, "class"))};
  if (Status status = Apply(options, &info, &notes); !status.ok()) return std::move(status).In(path.string());
  if (!read.preprocessing) {
    ImportOptions known = options;
    known.image_size = read.model.image_size;  // the graph has it
    if (std::string assumed = Assumptions(ours, info, known); !assumed.empty()) notes.push_back(std::move(assumed));
  }
  RIFFLE_ASSIGN(const Plan plan, MakePlan(info.model));
  ImportedNetwork network{.info = std::move(info), .weights = Snapshot(plan.registry), .notes = std::move(notes)};
  network.weights.values = std::move(read.values);
  if (Status status = TakeOrderOfColours(options, false, &network); !status.ok())
    return std::move(status).In(path.string());
  return network;
}

/// A network of ours once more, with what the options say.
Result<ImportedNetwork> ImportOurs(const Checkpoint& checkpoint, const ImportOptions& options) {
  CheckpointInfo info = {.model = checkpoint.info().model,
                         .preprocessing = checkpoint.info().preprocessing,
                         .classes = checkpoint.info().classes};
  std::vector<std::string> notes = {
      fmt::format("A checkpoint of Riffle's: {}{}", info.model.name,
                  checkpoint.best_weights() == WeightSet::kEma ? ", averaged weights" : "")};
  if (Status status = Apply(options, &info, &notes); !status.ok()) return std::move(status).In(checkpoint.path());
  RIFFLE_ASSIGN(const Plan plan, MakePlan(info.model));
  ImportedNetwork network{.info = std::move(info), .weights = Snapshot(plan.registry), .notes = std::move(notes)};
  RIFFLE_TRY(checkpoint.Load(plan.registry, checkpoint.best_weights(), &network.weights.values));
  if (Status status = TakeOrderOfColours(options, false, &network); !status.ok())
    return std::move(status).In(checkpoint.path());
  return network;
}

/// What is in a file: a checkpoint of ours, or a network of others.
using Read = std::variant<Checkpoint, ImportedNetwork>;

Result<Read> ReadSafetensors(AlignedArray<uint8_t> bytes, const fs::path& path, const ImportOptions& options) {
  RIFFLE_ASSIGN(SafetensorsFile file, SafetensorsFile::FromBytes(std::move(bytes), path.string()));
  if (IsCheckpoint(file)) {
    RIFFLE_TRY(CheckKey(options, path, "a checkpoint of Riffle's"));
    RIFFLE_ASSIGN(Checkpoint ours, Checkpoint::FromFile(std::move(file)));
    return Read(std::move(ours));
  }
  RIFFLE_ASSIGN(const TensorFile tensors, ReadTensorFile(std::move(file), options.key));
  RIFFLE_ASSIGN(ImportedNetwork theirs, ImportTensors(tensors, options));
  return Read(std::move(theirs));
}

Result<Read> ReadAny(const fs::path& path, const ImportOptions& options) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  const FileFormat format = FormatOf({bytes.data(), bytes.size()});
  const bool is_damaged = format == FileFormat::kOther && path.extension() == ".safetensors";
  if (format == FileFormat::kSafetensors || is_damaged) return ReadSafetensors(std::move(bytes), path, options);
  if (format == FileFormat::kOnnx) {
    RIFFLE_ASSIGN(ImportedNetwork theirs, ImportOnnx({bytes.data(), bytes.size()}, path, options));
    return Read(std::move(theirs));
  }
  RIFFLE_ASSIGN(const TensorFile tensors, ReadTensorFile(std::move(bytes), path.string(), options.key));
  RIFFLE_ASSIGN(ImportedNetwork theirs, ImportTensors(tensors, options));
  return Read(std::move(theirs));
}

}  // namespace

Result<ImportedNetwork> ImportWeights(const fs::path& path, const ImportOptions& options) {
  RIFFLE_ASSIGN(Read read, ReadAny(path, options));
  if (const auto* ours = std::get_if<Checkpoint>(&read)) return ImportOurs(*ours, options);
  return std::get<ImportedNetwork>(std::move(read));
}

Result<OpenedWeights> OpenWeights(const fs::path& path, const ImportOptions& options) {
  RIFFLE_ASSIGN(Read read, ReadAny(path, options));
  if (auto* ours = std::get_if<Checkpoint>(&read)) return OpenedWeights{.checkpoint = std::move(*ours)};
  const auto& network = std::get<ImportedNetwork>(read);
  RIFFLE_ASSIGN(const Plan plan, MakePlan(network.info.model));
  RIFFLE_ASSIGN(const std::string encoded, EncodeCheckpoint(network.info, plan.registry, network.weights));
  RIFFLE_ASSIGN(
      Checkpoint checkpoint,
      Checkpoint::FromBytes({reinterpret_cast<const uint8_t*>(encoded.data()), encoded.size()}, path.string()));
  return OpenedWeights{
      .checkpoint = std::move(checkpoint), .imported = true, .bgr = network.bgr, .notes = network.notes};
}

}  // namespace riffle
