// ONNX networks: what is read is a network, and is written and read again as the same. Inputs have no weights, which
// would be nearly all of their bytes; tensors without values get zeros.
#include "exchange/onnx/onnx.h"

#include "exchange/onnx/testing/networks.h"
#include "fuzz/networks.h"
#include "fuzz/target.h"
#include "onnx/onnx.pb.h"

namespace riffle {
namespace {

constexpr int64_t kMostValues = 1 << 16;  ///< of a tensor that is filled

/// Bytes of zeros that a tensor without values lacks; 0 where it has some, or dimensions that make none.
int64_t BytesLacking(const onnx_pb::TensorProto& tensor) {
  if (!tensor.raw_data().empty() || tensor.float_data_size() > 0 || tensor.int64_data_size() > 0) return 0;
  int64_t values = 1;
  for (const int64_t dim : tensor.dims()) {
    if (dim <= 0 || dim > kMostValues / values) return 0;
    values *= dim;
  }
  const bool wide = tensor.data_type() == 7 || tensor.data_type() == 11;  // INT64, DOUBLE
  return values * (wide ? 8 : 4);
}

std::string Filled(std::string_view input) {
  onnx_pb::ModelProto model;
  if (!model.ParseFromArray(input.data(), static_cast<int>(input.size()))) return std::string(input);
  for (auto& tensor : *model.mutable_graph()->mutable_initializer())
    if (const int64_t bytes = BytesLacking(tensor); bytes > 0) tensor.set_raw_data(std::string(bytes, '\0'));
  return model.SerializeAsString();
}

void Check(std::string_view input) {
  const std::string file = Filled(input);
  const auto network = ReadOnnx(BytesOf(file), "m.onnx");
  if (!IsFine(network, file)) return;
  Require(Check(network->model).ok(), "the description is one of a network");
  const auto plan = MakePlan(network->model);
  Require(plan.ok(), "the description makes a network");
  if (plan->registry.trainable_arena_values() > kMostNetworkValues) return;
  CheckpointInfo info = {
      .model = network->model, .preprocessing = {.image_size = network->model.image_size}, .classes = network->classes};
  info.preprocessing.channels = network->model.in_channels;
  info.preprocessing.mean.assign(network->model.in_channels, 120);
  info.preprocessing.std.assign(network->model.in_channels, 60);
  const auto written = OnnxModel(Exportable{info, *plan, network->values}, {});
  if (!IsFine(written, file)) return;
  const auto again = ReadOnnx(BytesOf(*written), "m.onnx");
  Require(again.ok(), "what is written is read: " + again.status().message());
  Require(again->model == network->model, "the network is the same");
}

std::string WithoutWeights(const std::string& file) {
  constexpr size_t kKept = 64;  // shapes and other small constants
  onnx_pb::ModelProto model;
  Require(model.ParseFromString(file), "a seed is read");
  for (auto& tensor : *model.mutable_graph()->mutable_initializer())
    if (tensor.raw_data().size() > kKept) tensor.clear_raw_data();
  return model.SerializeAsString();
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const NamedModel& named : TestModels(std::array{1, 3}))
    for (const bool fold : {true, false})
      seeds.push_back(
          WithoutWeights(*OnnxModel(TestNetwork(Narrowed(named.model)).exportable(), {.fold_batch_norm = fold})));
  return seeds;
}

std::vector<std::string> Words() {
  return {"Conv",         "Relu",        "BatchNormalization",
          "MaxPool",      "AveragePool", "GlobalAveragePool",
          "ReduceMean",   "Concat",      "Add",
          "Mul",          "Sub",         "Div",
          "Reshape",      "Transpose",   "Flatten",
          "Gemm",         "MatMul",      "Constant",
          "Shape",        "Gather",      "Slice",
          "Unsqueeze",    "Squeeze",     "Cast",
          "Identity",     "Pad",         "Softmax",
          "kernel_shape", "strides",     "pads",
          "group",        "perm",        "axis",
          "auto_pad",     "ceil_mode",   "count_include_pad"};
}

}  // namespace

FuzzTarget OnnxTarget() {
  return {.name = "onnx",
          .reads = "a network in ONNX",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .max_bytes = 1 << 15};
}

}  // namespace riffle
