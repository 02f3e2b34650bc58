#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "exchange/onnx/match.h"
#include "exchange/onnx/metadata.h"
#include "exchange/onnx/onnx.h"
#include "exchange/onnx/tensor.h"
#include "onnx/onnx.pb.h"

namespace riffle {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 30;

// What a file of ours says of itself; nothing of other files'.
const std::string* Said(const onnx_pb::ModelProto& model, std::string_view key) {
  for (const auto& entry : model.metadata_props())
    if (entry.key() == key) return &entry.value();
  return nullptr;
}

Status ReadMetadata(const onnx_pb::ModelProto& model, const MatchedNetwork& matched, OnnxNetwork* network) {
  const int channels = matched.model.in_channels;
  if (const std::string* text = Said(model, kOnnxPreprocessingKey)) {
    RIFFLE_ASSIGN(network->preprocessing, PreprocessingFromJson(*text));
    if (network->preprocessing->channels != channels || network->preprocessing->image_size != matched.model.image_size)
      return InvalidArgument("its preprocessing makes pictures of {} and {} pixels, its graph takes {} and {}",
                             Counted(network->preprocessing->channels, "channel"), network->preprocessing->image_size,
                             channels, matched.model.image_size);
  }
  if (!matched.mean.empty()) {  // what the graph does counts
    Preprocessing preprocessing =
        network->preprocessing.value_or(Preprocessing{.image_size = matched.model.image_size, .channels = channels});
    preprocessing.mean = matched.mean;
    preprocessing.std = matched.std;
    RIFFLE_TRY(Check(preprocessing));
    if (!network->preprocessing) network->preprocessing = preprocessing;
  }
  if (const std::string* text = Said(model, kOnnxClassesKey)) {
    RIFFLE_ASSIGN(const nlohmann::json classes, ParseJson(*text));
    if (!classes.is_array() || static_cast<int>(classes.size()) != matched.model.num_classes ||
        !std::ranges::all_of(classes, [](const auto& name) { return name.is_string(); }))
      return DataLoss("\"{}\": expected {}", kOnnxClassesKey, Counted(matched.model.num_classes, "name"));
    network->classes = classes.get<std::vector<std::string>>();
  }
  return {};
}

Result<OnnxNetwork> Read(std::span<const uint8_t> bytes) {
  if (bytes.size() > kMostBytes)
    return InvalidArgument("{} bytes: a ShuffleNetV1 has less than {}", bytes.size(), kMostBytes);
  RIFFLE_TRY(CheckStructureBytes(bytes));
  onnx_pb::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph())
    return DataLoss("no ONNX file, or a damaged one: was the copy interrupted?");
  std::optional<ModelDescription> said;
  if (const std::string* text = Said(model, kOnnxModelKey)) {
    RIFFLE_ASSIGN(said, ModelFromJson(*text));
  }
  RIFFLE_ASSIGN(const LayerGraph graph, ReadLayers(model));
  RIFFLE_ASSIGN(MatchedNetwork matched, MatchNetwork(graph, said));
  OnnxNetwork network{.model = matched.model, .values = std::move(matched.values)};
  if (Status status = ReadMetadata(model, matched, &network); !status.ok()) return std::move(status).In("metadata");
  network.producer = model.producer_name();
  if (!model.producer_version().empty()) network.producer += " " + model.producer_version();
  return network;
}

}  // namespace

Result<OnnxNetwork> ReadOnnx(std::span<const uint8_t> bytes, const std::string& name) {
  Result<OnnxNetwork> network = Read(bytes);
  if (!network.ok()) return Status(network.status()).In(name);
  return network;
}

Result<OnnxNetwork> ReadOnnx(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path, kMostBytes));
  return ReadOnnx(bytes, path.string());
}

}  // namespace riffle
