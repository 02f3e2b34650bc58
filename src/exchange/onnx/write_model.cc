// The plan of a network as a graph of ONNX's operators: one node a step, two where a ReLU or a batch norm follows.
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "exchange/onnx/metadata.h"
#include "exchange/onnx/onnx.h"
#include "model/fold.h"
#include "onnx/onnx.pb.h"
#include "ops/max_pool/max_pool.h"

namespace riffle {
namespace {

using onnx_pb::AttributeProto;
using onnx_pb::GraphProto;
using onnx_pb::NodeProto;
using onnx_pb::TensorProto;
using Shape = std::vector<int64_t>;

std::vector<int> Inverse(std::span<const int32_t> permutation) {
  std::vector<int> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) inverse[permutation[i]] = static_cast<int>(i);
  return inverse;
}

template <class T>
void AddInitializer(GraphProto* graph, const std::string& name, TensorProto::DataType type, const Shape& shape,
                    std::span<const T> values) {
  TensorProto* tensor = graph->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (const int64_t size : shape) tensor->add_dims(size);
  tensor->set_raw_data(values.data(), values.size_bytes());
}

void Set(NodeProto* node, const char* name, int64_t value) {
  AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(AttributeProto::INT);
  attribute->set_i(value);
}

void Set(NodeProto* node, const char* name, std::initializer_list<int64_t> values) {
  AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(AttributeProto::INTS);
  for (const int64_t value : values) attribute->add_ints(value);
}

void Set(NodeProto* node, const char* name, float value) {
  AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(AttributeProto::FLOAT);
  attribute->set_f(value);
}

class GraphWriter {
 public:
  GraphWriter(const Exportable& network, const OnnxOptions& options, GraphProto* graph)
      : model_(network.info.model),
        preprocessing_(network.info.preprocessing),
        plan_(network.plan),
        values_(network.values),
        options_(options),
        graph_(graph),
        maps_(network.plan.maps.size()) {}

  void Write() {
    PlaceShuffles();
    graph_->set_name(model_.name);
    Begin();
    for (const Step& step : plan_.steps) WriteStep(step);
    End();
  }

 private:
  // What the graph has of a map of the plan.
  struct WrittenMap {
    std::string tensor;
    /// Row i is the plan's row held[i]; empty: the same rows.
    std::vector<int> held;
    bool shuffled = false;      ///< its reader takes it through a shuffle
    bool joins_groups = false;  ///< its reader takes it without groups, because its rows are not in their order
    std::vector<std::pair<int, std::string>> parts;  ///< of a concatenation: first row, tensor
  };

  // Where the shuffle is in this graph: a node in front of or behind the depthwise convolution, or an order of rows.
  void PlaceShuffles() {
    std::vector<const Step*> writer(plan_.maps.size());
    for (const Step& step : plan_.steps) {
      if (step.op == Op::kGroupConv) writer[step.y] = &step;
      if (step.op != Op::kDepthwiseConv || step.in_rows < 0) continue;
      const std::span<const int32_t> rows(plan_.RowIndices(step.in_rows), static_cast<size_t>(step.channels));
      WrittenMap &before = maps_[step.x], &after = maps_[step.y];
      if (options_.shuffle == OnnxShuffle::kFolded && writer[step.x]->groups == 1) {
        before.held.assign(rows.begin(), rows.end());
      } else if (options_.shuffle == OnnxShuffle::kFolded) {
        after.held = Inverse(rows);
        after.joins_groups = true;
      } else if (model_.conventions.shuffle_place == ShufflePlace::kAfterDepthwise) {
        after.held = Inverse(rows);
        after.shuffled = true;
      } else {
        before.shuffled = true;
      }
    }
  }

  NodeProto* AddNode(const char* op, const std::string& name, std::initializer_list<std::string> inputs,
                     const std::string& output) {
    NodeProto* node = graph_->add_node();
    node->set_op_type(op);
    node->set_name(name);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return node;
  }

  void AddFloats(const std::string& name, const Shape& shape, std::span<const float> values) {
    AddInitializer(graph_, name, TensorProto::FLOAT, shape, values);
  }
  void AddInts(const std::string& name, const Shape& values) {
    AddInitializer<int64_t>(graph_, name, TensorProto::INT64, {static_cast<int64_t>(values.size())}, values);
  }

  void Declare(onnx_pb::ValueInfoProto* value, const std::string& name, TensorProto::DataType type,
               const Shape& shape_of_one) {
    value->set_name(name);
    auto* tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    if (options_.batch > 0)
      tensor->mutable_shape()->add_dim()->set_dim_value(options_.batch);
    else
      tensor->mutable_shape()->add_dim()->set_dim_param("batch");
    for (const int64_t size : shape_of_one) tensor->mutable_shape()->add_dim()->set_dim_value(size);
  }

  void Begin() {
    const int64_t channels = model_.in_channels, size = model_.image_size;
    std::string& tensor = maps_[0].tensor = "pictures";
    Declare(graph_->add_input(), tensor, options_.preprocess ? TensorProto::UINT8 : TensorProto::FLOAT,
            {channels, size, size});
    if (!options_.preprocess) return;
    AddFloats("preprocess.mean", {1, channels, 1, 1}, preprocessing_.mean);
    AddFloats("preprocess.std", {1, channels, 1, 1}, preprocessing_.std);
    Set(AddNode("Cast", "preprocess.cast", {tensor}, "preprocess.cast"), "to", int64_t{TensorProto::FLOAT});
    AddNode("Sub", "preprocess.sub", {"preprocess.cast", "preprocess.mean"}, "preprocess.sub");
    AddNode("Div", "preprocess.div", {"preprocess.sub", "preprocess.std"}, "preprocess.div");
    tensor = "preprocess.div";
  }

  void End() {
    const char* output = "logits";
    if (options_.probabilities) {
      output = "probabilities";
      Set(AddNode("Softmax", "softmax", {"logits"}, output), "axis", int64_t{1});
    }
    Declare(graph_->add_output(), output, TensorProto::FLOAT, {model_.num_classes});
  }

  // The tensor that a step reads: behind the ReLU and the shuffle that the plan leaves to its reader.
  std::string Input(const Step& step) {
    WrittenMap& map = maps_[step.x];
    if (step.in_norm >= 0 && step.in_relu) map.tensor = Relu(plan_.maps[step.x].name, map.tensor);
    if (map.shuffled) map.tensor = Shuffle(step, map.tensor);
    return map.tensor;
  }

  std::string Relu(const std::string& name, const std::string& tensor) {
    AddNode("Relu", name + ".relu", {tensor}, name + ".relu");
    return name + ".relu";
  }

  // Three nodes in a row with constants for shapes, which converters know as one shuffle.
  std::string Shuffle(const Step& reader, const std::string& tensor) {
    const Map& map = plan_.maps[reader.x];
    const std::string name = reader.name.substr(0, reader.name.rfind('.')) + ".shuffle";
    const int64_t batch = options_.batch > 0 ? options_.batch : -1, groups = model_.groups, n = map.channels / groups;
    const bool paper = model_.conventions.shuffle_direction == ShuffleDirection::kPaper;
    AddInts(name + ".split.shape", {batch, paper ? groups : n, paper ? n : groups, map.height, map.width});
    AddInts(name + ".join.shape", {batch, map.channels, map.height, map.width});
    AddNode("Reshape", name + ".split", {tensor, name + ".split.shape"}, name + ".split");
    Set(AddNode("Transpose", name + ".transpose", {name + ".split"}, name + ".transpose"), "perm", {0, 2, 1, 3, 4});
    AddNode("Reshape", name + ".join", {name + ".transpose", name + ".join.shape"}, name + ".join");
    return name + ".join";
  }

  const float* Trainable(int parameter) const {
    return values_.trainable.data() + plan_.registry.trainable()[parameter].offset;
  }
  const float* Statistic(int parameter) const {
    return values_.statistics.data() + plan_.registry.statistics()[parameter].offset;
  }

  // Weights by the plan's rows, and the bias into which its batch norm goes where it is folded.
  FoldedWeights Weights(const Step& step) const {
    if (options_.fold_batch_norm) return FoldWeights(plan_, step, values_);
    const Parameter& parameter = plan_.registry.trainable()[step.weight];
    const int64_t per_row = parameter.size / step.channels;
    const int32_t* rows = plan_.RowIndices(step.weight_rows);
    FoldedWeights raw{.weight = AlignedArray<float>(parameter.size), .bias = {}};
    for (int row = 0; row < step.channels; ++row)
      std::copy_n(Trainable(step.weight) + (rows ? rows[row] : row) * per_row, per_row,
                  raw.weight.data() + row * per_row);
    return raw;
  }

  // `from` has one vector for each row of the plan; the result those that the written map holds.
  static std::vector<float> InOrder(std::span<const float> from, const std::vector<int>& held) {
    if (held.empty()) return {from.begin(), from.end()};
    const size_t per_row = from.size() / held.size();
    std::vector<float> ordered;
    ordered.reserve(from.size());
    for (const int row : held) {
      const std::span<const float> one = from.subspan(row * per_row, per_row);
      ordered.insert(ordered.end(), one.begin(), one.end());
    }
    return ordered;
  }

  // [out][in / groups] as [out][in], zero outside of the row's group, for an input whose rows are not the plan's.
  static std::vector<float> WithoutGroups(std::span<const float> grouped, int out, int groups,
                                          const std::vector<int>& held) {
    const int in = static_cast<int>(held.size()), per_group = in / groups;
    std::vector<float> dense(static_cast<size_t>(out) * in);
    for (int o = 0; o < out; ++o) {
      const int first = o / (out / groups) * per_group;
      for (int i = 0; i < in; ++i)
        if (const int column = held[i] - first; column >= 0 && column < per_group)
          dense[static_cast<size_t>(o) * in + i] = grouped[static_cast<size_t>(o) * per_group + column];
    }
    return dense;
  }

  void Convolution(const Step& step, int kernel) {
    const WrittenMap& in = maps_[step.x];
    WrittenMap& out = maps_[step.y];
    const std::string x = Input(step);
    const Parameter& parameter = plan_.registry.trainable()[step.weight];
    const FoldedWeights weights = Weights(step);
    int64_t groups = step.op == Op::kDepthwiseConv ? step.channels : step.groups;
    Shape shape = parameter.shape;
    std::vector<float> written = InOrder({weights.weight.data(), weights.weight.size()}, out.held);
    if (in.joins_groups) {
      written = WithoutGroups(written, step.channels, step.groups, in.held);
      shape[1] = plan_.maps[step.x].channels;
      groups = 1;
    }
    AddFloats(parameter.name, shape, written);
    NodeProto* node = AddNode("Conv", step.name, {x, parameter.name}, step.name);
    if (weights.bias.size() > 0) {
      const std::string bias = step.name + ".bias";
      AddFloats(bias, {step.channels}, InOrder({weights.bias.data(), weights.bias.size()}, out.held));
      node->add_input(bias);
    }
    const int64_t pad = kernel / 2, stride = step.stride;
    Set(node, "kernel_shape", {kernel, kernel});
    Set(node, "strides", {stride, stride});
    Set(node, "pads", {pad, pad, pad, pad});
    Set(node, "group", groups);
    out.tensor = step.name;
  }

  // The batch norm behind a convolution, where it is not folded into it.
  void BatchNorm(const Step& step) {
    if (options_.fold_batch_norm) return;
    const Norm& norm = plan_.norms[step.norm];
    WrittenMap& map = maps_[step.y];
    const int32_t* rows = plan_.RowIndices(norm.parameter_rows);
    NodeProto* node = AddNode("BatchNormalization", norm.name, {map.tensor}, norm.name);
    const auto add = [&](const Parameter& parameter, const float* from) {
      std::vector<float> by_row(norm.channels);
      for (int row = 0; row < norm.channels; ++row) by_row[row] = from[rows ? rows[row] : row];
      AddFloats(parameter.name, {norm.channels}, InOrder(by_row, map.held));
      node->add_input(parameter.name);
    };
    for (const int p : {norm.gamma, norm.beta}) add(plan_.registry.trainable()[p], Trainable(p));
    for (const int p : {norm.running_mean, norm.running_variance}) add(plan_.registry.statistics()[p], Statistic(p));
    Set(node, "epsilon", static_cast<float>(model_.bn_eps));
    map.tensor = norm.name;
  }

  // Padding that is at the end alone is written as a last window that reaches beyond the map (ceil_mode), which all
  // converters take and some take alone. Runtimes do not agree on whether what is beyond counts, so where it has to
  // (in none of the published conventions) it is padding. On a map of 2 pixels such a window sees the whole map: it is
  // written as one of 2, since runtimes refuse, or get wrong, one that is larger than the map.
  NodeProto* Pool(const char* op, const Step& step, bool padding_counts) {
    const std::string x = Input(step);
    const Map& map = plan_.maps[step.x];
    const PoolShape shape{.padding = model_.conventions.pool_padding};
    const int64_t before = shape.before(map.height);  // as high as wide
    const int64_t after = std::max<int64_t>(0, 2 * (OutSize(map.height, 2) - 1) + 3 - map.height - before);
    const bool beyond = after > before && !padding_counts;
    const int64_t kernel = beyond ? std::min<int64_t>(3, map.height) : 3;
    const int64_t end = beyond ? before : std::max(before, after);
    NodeProto* node = AddNode(op, step.name, {x}, step.name);
    Set(node, "kernel_shape", {kernel, kernel});
    Set(node, "strides", {2, 2});
    Set(node, "pads", {before, before, end, end});
    Set(node, "ceil_mode", int64_t{beyond && kernel == 3});
    return node;
  }

  void Linear(const Step& step) {
    const Parameter& weight = plan_.registry.trainable()[step.weight];
    AddFloats(weight.name, weight.shape, {Trainable(step.weight), static_cast<size_t>(weight.size)});
    AddNode("Flatten", "head.flatten", {Input(step)}, "head.flatten");
    NodeProto* node = AddNode("Gemm", step.name, {"head.flatten", weight.name}, "logits");
    if (step.bias >= 0) {
      const Parameter& bias = plan_.registry.trainable()[step.bias];
      AddFloats(bias.name, bias.shape, {Trainable(step.bias), static_cast<size_t>(bias.size)});
      node->add_input(bias.name);
    }
    Set(node, "transB", int64_t{1});
  }

  // `tensor` is what a unit gives, or one of the two parts of it: then the last one to come writes the concatenation.
  void Finish(int y, int y_row, const std::string& tensor) {
    WrittenMap& map = maps_[y];
    map.tensor = tensor;
    map.parts.emplace_back(y_row, tensor);
    for (size_t part = 0; part < plan_.maps.size(); ++part)
      if (plan_.maps[part].stored_in == y) map.parts.emplace_back(plan_.maps[part].stored_row, maps_[part].tensor);
    if (map.parts.size() < 2) return;
    std::ranges::sort(map.parts);
    map.tensor = plan_.maps[y].name + ".concat";
    Set(AddNode("Concat", map.tensor, {map.parts[0].second, map.parts[1].second}, map.tensor), "axis", int64_t{1});
  }

  // The convolution's shortcut and ReLU.
  void EndOfUnit(const Step& step) {
    const std::string name = plan_.maps[step.y].name + ".residual";
    std::string tensor = maps_[step.y].tensor;
    if (step.shortcut >= 0) {
      AddNode("Add", name + ".add", {maps_[step.shortcut].tensor, tensor}, name + ".add");
      tensor = name + ".add";
    }
    Finish(step.y, step.y_row, Relu(name, tensor));
  }

  void WriteStep(const Step& step) {
    switch (step.op) {
      case Op::kStemConv:
      case Op::kDepthwiseConv:
        Convolution(step, 3);
        return BatchNorm(step);
      case Op::kGroupConv:
        Convolution(step, 1);
        BatchNorm(step);
        if (step.relu) EndOfUnit(step);
        return;
      case Op::kBatchNorm:
      case Op::kGram:
      case Op::kProductNorm:
        return;  // training's way of computing what is written behind the convolutions
      case Op::kMaxPool:
        Pool("MaxPool", step, false);
        maps_[step.y].tensor = step.name;
        return;
      case Op::kAveragePool: {
        const bool nine = model_.conventions.average_divisor == AverageDivisor::kNine;
        Set(Pool("AveragePool", step, nine), "count_include_pad", int64_t{nine});
        return Finish(step.y, step.y_row, step.name);
      }
      case Op::kRelu:
        return Finish(step.y, step.y_row, Relu(step.name, Input(step)));
      case Op::kGlobalAveragePool:
        AddNode("GlobalAveragePool", step.name, {Input(step)}, step.name);
        maps_[step.y].tensor = step.name;
        return;
      case Op::kLinear:
        return Linear(step);
    }
  }

  const ModelDescription& model_;
  const Preprocessing& preprocessing_;
  const Plan& plan_;
  const ParameterValues<float>& values_;
  const OnnxOptions& options_;
  GraphProto* const graph_;
  std::vector<WrittenMap> maps_;  // by map of the plan
};

}  // namespace

Result<std::string> OnnxModel(const Exportable& network, const OnnxOptions& options) {
  if (options.batch < 0)
    return InvalidArgument("batch: expected a number of pictures, or 0 for any, found {}", options.batch);
  RIFFLE_TRY(CheckClassNames(network.info.classes));
  onnx_pb::ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("riffle");
  model.add_opset_import()->set_version(13);
  for (auto& [key, value] : OnnxMetadata(network.info, options)) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  GraphWriter(network, options, model.mutable_graph()).Write();
  constexpr size_t kMostBytes = 0x7fffffff;  // of a protocol buffer
  if (model.ByteSizeLong() > kMostBytes)
    return InvalidArgument("an ONNX file holds at most 2 GB, this network needs {} bytes", model.ByteSizeLong());
  return model.SerializeAsString();
}

}  // namespace riffle
