// One pass over the nodes in the file's order, which by the format is one of computation.
#include "exchange/onnx/read_graph.h"

#include "base/json.h"
#include "exchange/onnx/node.h"
#include "exchange/onnx/nodes.h"
#include "exchange/onnx/tensor.h"
#include "formats/tensor_view.h"

namespace riffle {
namespace {

using onnx_pb::NodeProto;
using onnx_pb::TensorProto;

Status ReadInput(const onnx_pb::GraphProto& proto, GraphSoFar& graph) {
  const onnx_pb::ValueInfoProto* input = nullptr;
  for (const auto& each : proto.input()) {
    if (graph.values.contains(each.name())) continue;  // older files name their constants among the inputs
    if (input) return InvalidArgument("expected one input, the pictures, found another, {}", Quoted(each.name()));
    input = &each;
  }
  if (!input) return InvalidArgument("expected an input, the pictures, found none");
  Ints shape;
  for (const auto& dim : input->type().tensor_type().shape().dim())
    shape.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  constexpr int64_t kMostPixels = 8192;
  if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3) || shape[2] != shape[3] || shape[2] < 1 ||
      shape[2] > kMostPixels)
    return InvalidArgument(
        "the input {}: expected the shape [batch, 1 or 3 channels, size, size] with a fixed size, found {}",
        Quoted(input->name()), ShapeText(shape));
  if (shape[0] > 0) graph.fixed_batch = shape[0];
  shape[0] = kBatch;
  graph.layers.byte_input = input->type().tensor_type().elem_type() == TensorProto::UINT8;
  graph.values[input->name()] =
      graph.Add({.kind = LayerKind::kInput, .node = "the input " + Quoted(input->name())}, shape);
  return {};
}

Status Read(const NodeProto& proto, Node& node) {
  if (!proto.domain().empty() && proto.domain() != "ai.onnx")
    return InvalidArgument("an operator of the domain {}: expected those of ONNX", Quoted(proto.domain()));
  for (const auto* nodes : {&LayerNodes(), &ShapeNodes()}) {
    const auto read = nodes->find(proto.op_type());
    if (read == nodes->end()) continue;
    if (proto.output_size() < 1) return DataLoss("it has no output");
    return read->second(node);
  }
  return InvalidArgument("no ShuffleNetV1 computes this, nor do quantised ones count as one here");
}

}  // namespace

std::string_view Described(LayerKind kind) {
  switch (kind) {
    case LayerKind::kInput:
      return "the input";
    case LayerKind::kConv:
      return "a convolution";
    case LayerKind::kBatchNorm:
      return "a batch norm";
    case LayerKind::kRelu:
      return "a ReLU";
    case LayerKind::kMaxPool:
      return "a max-pool";
    case LayerKind::kAveragePool:
      return "an average pool";
    case LayerKind::kGlobalPool:
      return "the mean of each map";
    case LayerKind::kShuffle:
      return "a channel shuffle";
    case LayerKind::kAdd:
      return "a sum";
    case LayerKind::kConcat:
      return "a concatenation";
    case LayerKind::kLinear:
      return "a linear layer";
    case LayerKind::kAffine:
      return "a product or sum with constants";
    case LayerKind::kSoftmax:
      return "a softmax";
  }
  return "";
}

Result<LayerGraph> ReadLayers(const onnx_pb::ModelProto& model) {
  constexpr int kMostNodes = 10'000;
  const onnx_pb::GraphProto& proto = model.graph();
  if (proto.node_size() == 0) return DataLoss("it has no nodes: no network in ONNX");
  if (proto.node_size() > kMostNodes)
    return InvalidArgument("{} nodes, where a ShuffleNetV1 has some hundred: another network", proto.node_size());
  GraphSoFar graph;
  for (const TensorProto& tensor : proto.initializer()) {
    RIFFLE_TRY(CheckTensor(tensor).status());
    graph.values[tensor.name()].constant = &tensor;
  }
  RIFFLE_TRY(ReadInput(proto, graph));
  for (const NodeProto& each : proto.node()) {
    Node node(each, graph);
    if (Status status = Read(each, node); !status.ok()) return std::move(status).In(node.Name());
  }
  if (proto.output_size() != 1)
    return InvalidArgument("expected one output, the logits, found {}", proto.output_size());
  const auto output = graph.values.find(proto.output(0).name());
  if (output == graph.values.end() || output->second.layer < 0)
    return DataLoss("no node gives its output {}", Quoted(proto.output(0).name()));
  graph.layers.output = output->second.layer;
  return std::move(graph.layers);
}

}  // namespace riffle
