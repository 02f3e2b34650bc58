// One pass over the nodes in the file's order, which by the format is one of computation. Each tensor is a value of one
// of three kinds: a constant; whole numbers, of which shapes are computed; or what a layer gives.
#include "exchange/onnx/read_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "base/json.h"
#include "exchange/onnx/tensor.h"
#include "formats/tensor_view.h"

namespace riffle {
namespace {

using onnx_pb::AttributeProto;
using onnx_pb::NodeProto;
using onnx_pb::TensorProto;
using Ints = std::vector<int64_t>;

// The number of pictures, in shapes: nobody may compute with it.
constexpr int64_t kBatch = std::numeric_limits<int64_t>::min();
constexpr int64_t kLargest = int64_t{1} << 31;  // of a number in a shape
constexpr size_t kMostInts = 64;                // of a shape

struct Value {
  const TensorProto* constant = nullptr;
  std::optional<Ints> ints;
  // What a layer gives:
  int layer = -1;
  Ints shape;                       // [kBatch, channels, height, width], or without the last two
  int64_t split = 0;                // on the way through a shuffle: channels are split in two, the first of this size
  bool transposed = false;          // and have changed places; of a constant: it is a matrix, and transposed
  std::array<int64_t, 4> padded{};  // top, left, bottom, right: zeros around it, for the next layer to take
};

std::string NameOf(const NodeProto& node) {
  return fmt::format("{} {}", node.op_type(),
                     Quoted(node.name().empty() && node.output_size() ? node.output(0) : node.name()));
}

const AttributeProto* Find(const NodeProto& node, std::string_view name) {
  for (const AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}
int64_t Int(const NodeProto& node, std::string_view name, int64_t otherwise) {
  const AttributeProto* attribute = Find(node, name);
  return attribute ? attribute->i() : otherwise;
}
double Float(const NodeProto& node, std::string_view name, double otherwise) {
  const AttributeProto* attribute = Find(node, name);
  return attribute ? double{attribute->f()} : otherwise;
}
Ints IntsOf(const NodeProto& node, std::string_view name, Ints otherwise) {
  const AttributeProto* attribute = Find(node, name);
  return attribute ? Ints(attribute->ints().begin(), attribute->ints().end()) : std::move(otherwise);
}

bool InRange(const Ints& values, int64_t low, int64_t high) {
  return std::ranges::all_of(values, [&](int64_t v) { return v >= low && v <= high; });
}

// Values of a picture in a tensor of this shape.
int64_t ValuesOf(std::span<const int64_t> shape) {
  return std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
}

class Reader {
 public:
  explicit Reader(const onnx_pb::ModelProto& model) : graph_(model.graph()) {}

  Result<LayerGraph> Read() {
    constexpr int kMostNodes = 10'000;
    if (graph_.node_size() == 0) return DataLoss("it has no nodes: no network in ONNX");
    if (graph_.node_size() > kMostNodes)
      return InvalidArgument("{} nodes, where a ShuffleNetV1 has some hundred: another network", graph_.node_size());
    for (const TensorProto& tensor : graph_.initializer()) {
      RIFFLE_TRY(CheckTensor(tensor).status());
      values_[tensor.name()].constant = &tensor;
    }
    RIFFLE_TRY(ReadInput());
    for (const NodeProto& node : graph_.node())
      if (Status status = ReadNode(node); !status.ok()) return std::move(status).In(NameOf(node));
    if (graph_.output_size() != 1)
      return InvalidArgument("expected one output, the logits, found {}", graph_.output_size());
    const auto output = values_.find(graph_.output(0).name());
    if (output == values_.end() || output->second.layer < 0)
      return DataLoss("no node gives its output {}", Quoted(graph_.output(0).name()));
    result_.output = output->second.layer;
    return std::move(result_);
  }

 private:
  using Handler = Status (Reader::*)(const NodeProto&);
  static const std::map<std::string_view, Handler>& Handlers();

  Status ReadInput() {
    const onnx_pb::ValueInfoProto* input = nullptr;
    for (const auto& each : graph_.input()) {
      if (values_.contains(each.name())) continue;  // older files name their constants among the inputs
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
    if (shape[0] > 0) fixed_batch_ = shape[0];
    shape[0] = kBatch;
    result_.byte_input = input->type().tensor_type().elem_type() == TensorProto::UINT8;
    values_[input->name()] = Added({.kind = LayerKind::kInput, .node = "the input " + Quoted(input->name())}, shape);
    return {};
  }

  Status ReadNode(const NodeProto& node) {
    if (!node.domain().empty() && node.domain() != "ai.onnx")
      return InvalidArgument("an operator of the domain {}: expected those of ONNX", Quoted(node.domain()));
    const auto handler = Handlers().find(node.op_type());
    if (handler == Handlers().end())
      return InvalidArgument("no ShuffleNetV1 computes this, nor do quantised ones count as one here");
    if (node.output_size() < 1) return DataLoss("it has no output");
    return (this->*handler->second)(node);
  }

  // --- values

  Result<const Value*> In(const NodeProto& node, int i) const {
    if (i >= node.input_size() || node.input(i).empty()) return DataLoss("input {} is missing", i);
    const auto found = values_.find(node.input(i));
    if (found == values_.end())
      return DataLoss("it reads {}, which no node before it gives: a weight is missing, or its nodes are in a circle",
                      Quoted(node.input(i)));
    return &found->second;
  }
  static bool Has(const NodeProto& node, int i) { return i < node.input_size() && !node.input(i).empty(); }

  // What a layer gives, whole: neither padded nor within a shuffle.
  Result<const Value*> Whole(const NodeProto& node, int i) const {
    RIFFLE_ASSIGN(const Value* const x, Padded(node, i));
    if (x->padded != std::array<int64_t, 4>{})
      return InvalidArgument("expected a convolution or a pool behind padding, found this");
    return x;
  }
  Result<const Value*> Padded(const NodeProto& node, int i) const {
    RIFFLE_ASSIGN(const Value* const x, In(node, i));
    if (x->layer < 0) return InvalidArgument("expected a map as input {}, found a constant", i);
    if (x->split > 0) return InvalidArgument("expected a Transpose and a Reshape behind a Reshape, found this");
    return x;
  }
  Result<const Value*> WholeMap(const NodeProto& node, int i) const {
    RIFFLE_ASSIGN(const Value* const x, Whole(node, i));
    if (x->shape.size() != 4) return InvalidArgument("expected a map as input {}, found vectors", i);
    return x;
  }

  Result<const TensorProto*> Weights(const NodeProto& node, int i) const {
    RIFFLE_ASSIGN(const Value* const x, In(node, i));
    if (!x->constant || !HoldsFloats(*x->constant) || x->transposed)
      return InvalidArgument("expected weights as input {}, found what is computed", i);
    return x->constant;
  }
  // One value a channel.
  Result<const TensorProto*> PerChannel(const NodeProto& node, int i, int64_t channels) const {
    RIFFLE_ASSIGN(const TensorProto* const tensor, Weights(node, i));
    if (*CheckTensor(*tensor) != channels)
      return DataLoss("input {}: expected {} values, found {}", i, channels, *CheckTensor(*tensor));
    return tensor;
  }

  static Result<Ints> Numbers(const Value& value) {
    if (value.ints) return *value.ints;
    if (!value.constant || value.layer >= 0) return InvalidArgument("expected whole numbers, found a map");
    RIFFLE_ASSIGN(const int64_t count, CheckTensor(*value.constant));
    if (count > static_cast<int64_t>(kMostInts)) return InvalidArgument("expected a shape, found {} numbers", count);
    return riffle::IntsOf(*value.constant);
  }
  Result<Ints> Numbers(const NodeProto& node, int i) const {
    RIFFLE_ASSIGN(const Value* const x, In(node, i));
    return Numbers(*x);
  }
  // Of an attribute in older versions of ONNX, of an input in newer ones.
  Result<Ints> Numbers(const NodeProto& node, const char* attribute, int input, Ints otherwise) const {
    if (Has(node, input)) return Numbers(node, input);
    return IntsOf(node, attribute, std::move(otherwise));
  }

  bool IsShape(const NodeProto& node, int i) const {
    const Result<const Value*> x = In(node, i);
    return x.ok() && ((*x)->ints || ((*x)->constant && !HoldsFloats(*(*x)->constant)));
  }

  Status Give(const NodeProto& node, Value value) {
    if (!values_.emplace(node.output(0), std::move(value)).second)
      return DataLoss("it gives {} a second time", Quoted(node.output(0)));
    return {};
  }
  Status GiveInts(const NodeProto& node, Ints ints) {
    if (ints.size() > kMostInts) return InvalidArgument("expected a shape, found {} numbers", ints.size());
    return Give(node, {.ints = std::move(ints)});
  }
  Value Added(Layer layer, Ints shape) {
    layer.channels = shape[1];
    layer.height = shape.size() == 4 ? shape[2] : 1;
    layer.width = shape.size() == 4 ? shape[3] : 1;
    result_.layers.push_back(std::move(layer));
    return {.layer = static_cast<int>(result_.layers.size()) - 1, .shape = std::move(shape)};
  }
  Status GiveLayer(const NodeProto& node, Layer layer, Ints shape) {
    layer.node = NameOf(node);
    return Give(node, Added(std::move(layer), std::move(shape)));
  }

  // --- layers

  struct Window {
    int64_t kernel = 1, stride = 1;
    int64_t before = 0, after = 0;  // padding of the node and of a Pad in front of it
    int64_t out = 0;                // pixels a side
    bool beyond = false;            // ceil_mode
  };

  // Of a square map, and square itself.
  Result<Window> ReadWindow(const NodeProto& node, const Value& x, const Ints& kernel_otherwise) const {
    if (x.shape.size() != 4 || x.shape[2] != x.shape[3]) return InvalidArgument("expected square maps");
    const int64_t size = x.shape[2];
    const Ints kernel = IntsOf(node, "kernel_shape", kernel_otherwise), strides = IntsOf(node, "strides", {1, 1});
    const Ints dilations = IntsOf(node, "dilations", {1, 1});
    Ints pads = IntsOf(node, "pads", {0, 0, 0, 0});
    constexpr int64_t kMost = 10'000;
    if (kernel.size() != 2 || kernel[0] != kernel[1] || !InRange(kernel, 1, kMost) || strides.size() != 2 ||
        strides[0] != strides[1] || !InRange(strides, 1, kMost) || dilations != Ints{1, 1} || pads.size() != 4 ||
        !InRange(pads, 0, kMost))
      return InvalidArgument("expected a square window with one stride and no dilation");
    Window window{.kernel = kernel[0], .stride = strides[0], .beyond = Int(node, "ceil_mode", 0) != 0};
    const AttributeProto* automatic = Find(node, "auto_pad");
    if (automatic && automatic->s().starts_with("SAME")) {
      const int64_t all =
          std::max<int64_t>(0, ((size + window.stride - 1) / window.stride - 1) * window.stride + window.kernel - size);
      const int64_t less = all / 2, more = all - less;
      pads = automatic->s() == "SAME_LOWER" ? Ints{more, more, less, less} : Ints{less, less, more, more};
    }
    for (int side = 0; side < 4; ++side) pads[side] += x.padded[side];
    window.before = pads[0];
    window.after = pads[2];
    if (pads[0] != pads[1] || pads[2] != pads[3])
      return InvalidArgument("expected the same padding above and left, below and right, found {}", ShapeText(pads));
    const int64_t free = size + window.before + window.after - window.kernel;
    if (free < 0 && !window.beyond) return InvalidArgument("its window is larger than its map");
    window.out = std::max<int64_t>(0, free + (window.beyond ? window.stride - 1 : 0)) / window.stride + 1;
    // A window that would begin behind the map does not count.
    if (window.beyond && (window.out - 1) * window.stride >= size + window.before) --window.out;
    return window;
  }

  Status Conv(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, Padded(node, 0));
    RIFFLE_ASSIGN(const TensorProto* const weight, Weights(node, 1));
    if (weight->dims_size() != 4) return InvalidArgument("expected weights of four dimensions");
    RIFFLE_ASSIGN(const Window window, ReadWindow(node, *x, {weight->dims(2), weight->dims(3)}));
    Layer layer{.kind = LayerKind::kConv,
                .inputs = {x->layer},
                .weight = weight,
                .groups = Int(node, "group", 1),
                .kernel = window.kernel,
                .stride = window.stride};
    const int64_t in = x->shape[1], out = weight->dims(0);
    if (layer.groups < 1 || layer.groups > in || in % layer.groups != 0 || weight->dims(1) != in / layer.groups ||
        out < 1 || out % layer.groups != 0 || weight->dims(2) != window.kernel || weight->dims(3) != window.kernel)
      return DataLoss("weights of shape {} do not fit {} channels in {} groups and a window of {}",
                      ShapeText(Ints(weight->dims().begin(), weight->dims().end())), in, layer.groups, window.kernel);
    if (window.before != window.kernel / 2 || window.out != OutSize(x->shape[2], window.stride))
      return InvalidArgument("a {0} × {0} convolution that pads by {1} and {2}: expected {3} on each side",
                             window.kernel, window.before, window.after, window.kernel / 2);
    if (Has(node, 2)) {
      RIFFLE_ASSIGN(layer.bias, PerChannel(node, 2, out));
    }
    return GiveLayer(node, std::move(layer), {kBatch, out, window.out, window.out});
  }

  Status BatchNormalization(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, Whole(node, 0));
    if (Int(node, "training_mode", 0) != 0)
      return InvalidArgument("a batch norm in training mode: export the network after network.eval()");
    Layer layer{.kind = LayerKind::kBatchNorm, .inputs = {x->layer}, .epsilon = Float(node, "epsilon", 1e-5)};
    RIFFLE_ASSIGN(layer.gamma, PerChannel(node, 1, x->shape[1]));
    RIFFLE_ASSIGN(layer.beta, PerChannel(node, 2, x->shape[1]));
    RIFFLE_ASSIGN(layer.mean, PerChannel(node, 3, x->shape[1]));
    RIFFLE_ASSIGN(layer.variance, PerChannel(node, 4, x->shape[1]));
    return GiveLayer(node, std::move(layer), x->shape);
  }

  Status Relu(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, Whole(node, 0));
    return GiveLayer(node, {.kind = LayerKind::kRelu, .inputs = {x->layer}}, x->shape);
  }

  Status Softmax(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, Whole(node, 0));
    return GiveLayer(node, {.kind = LayerKind::kSoftmax, .inputs = {x->layer}}, x->shape);
  }

  Status Pool(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, Padded(node, 0));
    RIFFLE_ASSIGN(const Window window, ReadWindow(node, *x, {}));
    const bool average = node.op_type() == "AveragePool";
    const int64_t size = x->shape[2], padded_by_node = x->padded[0] + x->padded[2];
    Layer layer{.kind = average ? LayerKind::kAveragePool : LayerKind::kMaxPool,
                .inputs = {x->layer},
                .kernel = window.kernel,
                .stride = window.stride};
    const int64_t padding = window.before + window.after;
    layer.whole_map = average && window.kernel == size && padding == 0;
    if (layer.whole_map && !(size == 2 && window.stride == 2))
      return GiveLayer(node, {.kind = LayerKind::kGlobalPool, .inputs = {x->layer}}, {kBatch, x->shape[1], 1, 1});
    // On 2 pixels a window of 2 sees what one of 3 sees that reaches beyond the map.
    const bool two = size == 2 && window.kernel == 2 && padding == 0;
    if (window.stride != 2 || (window.kernel != 3 && !two) || window.out != OutSize(size, 2) || window.before > 1)
      return InvalidArgument(
          "a pool of window {}, stride {} and padding {} and {} on maps of {} pixels: expected 3, 2 and 1, or as "
          "little "
          "as the size needs",
          window.kernel, window.stride, window.before, window.after, size);
    if (size % 2 == 0) layer.padding = window.before == 1 ? PoolPadding::kSymmetric : PoolPadding::kSame;
    const bool counts = padding > 0 && (Int(node, "count_include_pad", 0) != 0 || padded_by_node > 0);
    layer.divisor = counts ? AverageDivisor::kNine : AverageDivisor::kTruePixels;
    return GiveLayer(node, std::move(layer), {kBatch, x->shape[1], window.out, window.out});
  }

  Status GlobalAveragePool(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, WholeMap(node, 0));
    return GiveLayer(node, {.kind = LayerKind::kGlobalPool, .inputs = {x->layer}}, {kBatch, x->shape[1], 1, 1});
  }

  Status ReduceMean(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, WholeMap(node, 0));
    RIFFLE_ASSIGN(Ints axes, Numbers(node, "axes", 1, {}));
    for (int64_t& axis : axes) axis = axis < 0 ? axis + 4 : axis;
    std::ranges::sort(axes);
    if (axes != Ints{2, 3}) return InvalidArgument("expected a mean over height and width");
    Ints shape = {kBatch, x->shape[1]};
    if (Int(node, "keepdims", 1) != 0) shape.insert(shape.end(), {1, 1});
    return GiveLayer(node, {.kind = LayerKind::kGlobalPool, .inputs = {x->layer}}, std::move(shape));
  }

  Status Pad(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, WholeMap(node, 0));
    RIFFLE_ASSIGN(const Ints pads, Numbers(node, "pads", 1, {}));
    const AttributeProto* mode = Find(node, "mode");
    float filled = static_cast<float>(Float(node, "value", 0));
    if (Has(node, 2)) {
      RIFFLE_ASSIGN(const TensorProto* const constant, PerChannel(node, 2, 1));
      RIFFLE_ASSIGN(const std::vector<float> one, FloatsOf(*constant));
      filled = one[0];
    }
    // Zeros for a convolution and an average; what never wins for a maximum of what is not negative.
    if ((mode && mode->s() != "constant") || filled > 0 || pads.size() != 8 || pads[0] != 0 || pads[1] != 0 ||
        pads[4] != 0 || pads[5] != 0 || !InRange(pads, 0, 1))
      return InvalidArgument("expected padding of one pixel at most, with zeros");
    Value padded = *x;
    padded.padded = {pads[2], pads[3], pads[6], pads[7]};
    return Give(node, std::move(padded));
  }

  Status Concat(const NodeProto& node) {
    if (IsShape(node, 0)) {
      Ints all;
      for (int i = 0; i < node.input_size(); ++i) {
        RIFFLE_ASSIGN(const Ints some, Numbers(node, i));
        all.insert(all.end(), some.begin(), some.end());
        if (all.size() > kMostInts) break;  // GiveInts refuses it
      }
      return GiveInts(node, std::move(all));
    }
    if (node.input_size() != 2) return InvalidArgument("expected two inputs, found {}", node.input_size());
    RIFFLE_ASSIGN(const Value* const a, WholeMap(node, 0));
    RIFFLE_ASSIGN(const Value* const b, WholeMap(node, 1));
    const int64_t axis = Int(node, "axis", 1);
    if ((axis != 1 && axis != -3) || a->shape[2] != b->shape[2] || a->shape[3] != b->shape[3])
      return InvalidArgument("expected two maps of one size, joined by channel");
    return GiveLayer(node, {.kind = LayerKind::kConcat, .inputs = {a->layer, b->layer}},
                     {kBatch, a->shape[1] + b->shape[1], a->shape[2], a->shape[3]});
  }

  // Add, Sub, Mul and Div of two maps, of a map and constants, or within a shape.
  Status Arithmetic(const NodeProto& node) {
    if (IsShape(node, 0) && IsShape(node, 1)) return ShapeArithmetic(node);
    RIFFLE_ASSIGN(const Value* const a, In(node, 0));
    RIFFLE_ASSIGN(const Value* const b, In(node, 1));
    const std::string& op = node.op_type();
    if (a->layer >= 0 && b->layer >= 0) {
      RIFFLE_TRY(Whole(node, 0).status());
      RIFFLE_TRY(Whole(node, 1).status());
      if (op != "Add" || a->shape != b->shape) return InvalidArgument("expected the sum of two maps of one shape");
      return GiveLayer(node, {.kind = LayerKind::kAdd, .inputs = {a->layer, b->layer}}, a->shape);
    }
    const bool map_first = a->layer >= 0;
    if (!map_first && op != "Add" && op != "Mul") return InvalidArgument("expected a map as the first input");
    RIFFLE_ASSIGN(const Value* const x, Whole(node, map_first ? 0 : 1));
    RIFFLE_ASSIGN(const TensorProto* const constant, Weights(node, map_first ? 1 : 0));
    // One value, or one a channel: [C, 1, 1] and [1, C, 1, 1] beside maps, [C] and [1, C] beside vectors.
    const int64_t count = *CheckTensor(*constant), channels = x->shape[1];
    const int channel_dim = constant->dims_size() - (x->shape.size() == 4 ? 3 : 1);
    if (count != 1 && (count != channels || channel_dim < 0 || constant->dims(channel_dim) != channels))
      return InvalidArgument("expected one constant, or one for each of {} channels", channels);
    RIFFLE_ASSIGN(std::vector<float> values, FloatsOf(*constant));
    values.resize(channels, values[0]);
    Layer layer{.kind = LayerKind::kAffine, .inputs = {x->layer}};
    for (const float value : values) {
      layer.scale.push_back(op == "Mul" ? value : op == "Div" ? 1 / value : 1.0f);
      layer.shift.push_back(op == "Add" ? value : op == "Sub" ? -value : 0.0f);
    }
    return GiveLayer(node, std::move(layer), x->shape);
  }

  Status ShapeArithmetic(const NodeProto& node) {
    RIFFLE_ASSIGN(Ints a, Numbers(node, 0));
    RIFFLE_ASSIGN(Ints b, Numbers(node, 1));
    if (a.empty() || b.empty()) return InvalidArgument("expected numbers");
    const size_t count = std::max(a.size(), b.size());
    a.resize(count, a[0]);
    b.resize(count, b[0]);
    if (!InRange(a, -kLargest, kLargest) || !InRange(b, -kLargest, kLargest))
      return InvalidArgument("it computes with the number of pictures, or beyond what a shape can be");
    for (size_t i = 0; i < count; ++i) {
      if (node.op_type() == "Add") a[i] += b[i];
      if (node.op_type() == "Sub") a[i] -= b[i];
      if (node.op_type() == "Mul") a[i] *= b[i];
      if (node.op_type() == "Div") {
        if (b[i] <= 0 || a[i] < 0) return InvalidArgument("{} is divided by {}", a[i], b[i]);
        a[i] /= b[i];
      }
    }
    return GiveInts(node, std::move(a));
  }

  Status Gemm(const NodeProto& node) {
    if (Float(node, "alpha", 1) != 1 || (Has(node, 2) && Float(node, "beta", 1) != 1) || Int(node, "transA", 0) != 0)
      return InvalidArgument("expected a linear layer without factors");
    return Linear(node, Int(node, "transB", 0) == 0, Has(node, 2));
  }
  Status MatMul(const NodeProto& node) { return Linear(node, true, false); }

  Status Linear(const NodeProto& node, bool transposed_weight, bool with_bias) {
    RIFFLE_ASSIGN(const Value* const x, Whole(node, 0));
    RIFFLE_ASSIGN(const Value* const second, In(node, 1));
    const TensorProto* const weight = second->constant;
    if (x->shape.size() != 2 || !weight || !HoldsFloats(*weight) || weight->dims_size() != 2)
      return InvalidArgument("expected a linear layer on vectors");
    if (second->transposed) transposed_weight = !transposed_weight;
    const int64_t out = weight->dims(transposed_weight ? 1 : 0), in = weight->dims(transposed_weight ? 0 : 1);
    if (in != x->shape[1]) return DataLoss("expected weights for {} features, found {}", x->shape[1], in);
    if (out < 1) return DataLoss("expected weights of at least one class");
    Layer layer{
        .kind = LayerKind::kLinear, .inputs = {x->layer}, .weight = weight, .transposed_weight = transposed_weight};
    if (with_bias) {
      RIFFLE_ASSIGN(layer.bias, PerChannel(node, 2, out));
    }
    return GiveLayer(node, std::move(layer), {kBatch, out});
  }

  // --- shapes

  // The shape that a Reshape asks for, with the number of pictures first.
  Result<Ints> Asked(Ints asked, const Value& x) const {
    if (asked.size() < 2) return InvalidArgument("expected at least two dimensions, found {}", ShapeText(asked));
    // A number is that of the pictures with which a program traced the network.
    if (asked[0] != kBatch && asked[0] < -1)
      return InvalidArgument("expected the number of pictures first, found {}", ShapeText(asked));
    asked[0] = kBatch;
    const int64_t all = ValuesOf(x.shape);
    int64_t known = 1;
    int64_t* inferred = nullptr;
    for (size_t i = 1; i < asked.size(); ++i) {
      if (asked[i] == 0 && i < x.shape.size()) asked[i] = x.shape[i];
      if (asked[i] == -1 && !inferred) {
        inferred = &asked[i];
      } else if (asked[i] < 1 || asked[i] > all) {
        return InvalidArgument("a picture's map cannot have a dimension of {}", asked[i]);
      } else if ((known *= asked[i]) > all) {
        break;
      }
    }
    if (inferred && known <= all) known *= * inferred = all / known;
    if (known != all) return InvalidArgument("its shape has another number of values than the {} of the map", all);
    return asked;
  }

  Status Reshape(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const found, In(node, 0));
    if (found->layer < 0) return GiveInts(node, found->ints.value_or(Ints()));
    if (found->padded != std::array<int64_t, 4>{}) return InvalidArgument("expected a pool behind padding");
    const Value x = *found;
    RIFFLE_ASSIGN(Ints numbers, Numbers(node, 1));
    RIFFLE_ASSIGN(const Ints asked, Asked(std::move(numbers), x));
    return Reshaped(node, x, asked);
  }

  // `x` with another shape: the vectors of 1 × 1 maps, or the two ends of a shuffle.
  Status Reshaped(const NodeProto& node, const Value& x, const Ints& asked) {
    const Layer& layer = result_.layers[x.layer];
    const Ints vectors = {kBatch, layer.channels}, map = {kBatch, layer.channels, layer.height, layer.width};
    const bool joined = asked == map || (layer.height * layer.width == 1 && asked == vectors);
    if (x.split == 0) {
      Value reshaped = x;
      reshaped.shape = asked;
      if (joined) return Give(node, std::move(reshaped));
      // [batch, a, b, …] of [batch, a·b, …]
      if (asked.size() < 3 || asked[1] * asked[2] != layer.channels)
        return InvalidArgument("expected channels that are split into groups, found {} as {}", layer.channels,
                               ShapeText(std::span(asked).subspan(1)));
      reshaped.split = asked[1];
      return Give(node, std::move(reshaped));
    }
    if (!joined) return InvalidArgument("expected the map behind a Transpose, found another shape");
    const bool moves = x.transposed && x.split != 1 && x.split != layer.channels;
    if (!moves) return Give(node, {.layer = x.layer, .shape = asked});
    return GiveLayer(node, {.kind = LayerKind::kShuffle, .inputs = {x.layer}, .split = x.split}, asked);
  }

  Status Transpose(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, In(node, 0));
    if (x->constant) {  // weights of a linear layer
      if (x->constant->dims_size() != 2 || IntsOf(node, "perm", {1, 0}) != Ints{1, 0})
        return InvalidArgument("expected the transpose of a matrix");
      return Give(node, {.constant = x->constant, .transposed = !x->transposed});
    }
    if (x->layer < 0) return InvalidArgument("expected the transpose of a map");
    Ints exchanged(x->shape.size());
    std::iota(exchanged.begin(), exchanged.end(), 0);
    if (x->split > 0) std::swap(exchanged[1], exchanged[2]);
    if (x->split == 0 || x->transposed || IntsOf(node, "perm", {}) != exchanged)
      return InvalidArgument("expected a Transpose of the two dimensions into which channels are split");
    Value transposed = *x;
    std::swap(transposed.shape[1], transposed.shape[2]);
    transposed.transposed = true;
    return Give(node, std::move(transposed));
  }

  Status Flatten(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, Whole(node, 0));
    const Value from = *x;
    if (Int(node, "axis", 1) != 1) return InvalidArgument("expected one vector a picture");
    return Reshaped(node, from, {kBatch, ValuesOf(from.shape)});
  }

  // Of shapes: they are lists here, whatever their dimensions.
  Status AsItIs(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, In(node, 0));
    return Give(node, Value(*x));
  }

  Status Squeeze(const NodeProto& node) {
    if (IsShape(node, 0)) return AsItIs(node);
    RIFFLE_ASSIGN(const Value* const x, Whole(node, 0));
    const Value from = *x;
    return Reshaped(node, from, {kBatch, ValuesOf(from.shape)});
  }

  Status Unsqueeze(const NodeProto& node) {
    if (!IsShape(node, 0)) return InvalidArgument("expected a map without further dimensions");
    return AsItIs(node);
  }

  Status Shape(const NodeProto& node) {
    RIFFLE_ASSIGN(const Value* const x, In(node, 0));
    if (x->layer < 0) return InvalidArgument("expected the shape of a map");
    Ints shape = x->shape;
    if (fixed_batch_ > 0) shape[0] = fixed_batch_;
    return GiveInts(node, std::move(shape));
  }

  Status Gather(const NodeProto& node) {
    if (!IsShape(node, 0))
      return InvalidArgument("expected channels that are shuffled by Reshape, Transpose and Reshape");
    RIFFLE_ASSIGN(const Ints from, Numbers(node, 0));
    RIFFLE_ASSIGN(Ints indices, Numbers(node, 1));
    const auto size = static_cast<int64_t>(from.size());
    for (int64_t& i : indices) {
      if (i < -size || i >= size) return DataLoss("index {} of {} numbers", i, size);
      i = from[i < 0 ? i + size : i];
    }
    return GiveInts(node, std::move(indices));
  }

  Status Slice(const NodeProto& node) {
    if (!IsShape(node, 0)) return InvalidArgument("expected whole maps, found parts of them");
    RIFFLE_ASSIGN(const Ints from, Numbers(node, 0));
    RIFFLE_ASSIGN(const Ints starts, Numbers(node, "starts", 1, {}));
    RIFFLE_ASSIGN(const Ints ends, Numbers(node, "ends", 2, {}));
    RIFFLE_ASSIGN(const Ints steps, Numbers(node, "steps", 4, {1}));
    if (starts.size() != 1 || ends.size() != 1 || steps != Ints{1})
      return InvalidArgument("expected consecutive numbers of a shape");
    const auto size = static_cast<int64_t>(from.size());
    const auto place = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? std::max(i, -size) + size : i, 0, size); };
    const int64_t begin = place(starts[0]), end = std::max(begin, place(ends[0]));
    return GiveInts(node, Ints(from.begin() + begin, from.begin() + end));
  }

  Status Constant(const NodeProto& node) {
    if (const AttributeProto* value = Find(node, "value")) {
      RIFFLE_TRY(CheckTensor(value->t()).status());
      return Give(node, {.constant = &value->t()});
    }
    if (const AttributeProto* number = Find(node, "value_int")) return GiveInts(node, {number->i()});
    if (Find(node, "value_ints")) return GiveInts(node, IntsOf(node, "value_ints", {}));
    return InvalidArgument("expected a constant tensor or whole numbers");
  }

  const onnx_pb::GraphProto& graph_;
  int64_t fixed_batch_ = 0;  // 0: any
  std::map<std::string, Value, std::less<>> values_;
  LayerGraph result_;
};

const std::map<std::string_view, Reader::Handler>& Reader::Handlers() {
  static const std::map<std::string_view, Handler> handlers = {
      {"Add", &Reader::Arithmetic},
      {"AveragePool", &Reader::Pool},
      {"BatchNormalization", &Reader::BatchNormalization},
      {"Cast", &Reader::AsItIs},
      {"Concat", &Reader::Concat},
      {"Constant", &Reader::Constant},
      {"Conv", &Reader::Conv},
      {"Div", &Reader::Arithmetic},
      {"Dropout", &Reader::AsItIs},
      {"Flatten", &Reader::Flatten},
      {"Floor", &Reader::AsItIs},  // of a quotient that is whole already
      {"Gather", &Reader::Gather},
      {"Gemm", &Reader::Gemm},
      {"GlobalAveragePool", &Reader::GlobalAveragePool},
      {"Identity", &Reader::AsItIs},
      {"MatMul", &Reader::MatMul},
      {"MaxPool", &Reader::Pool},
      {"Mul", &Reader::Arithmetic},
      {"Pad", &Reader::Pad},
      {"ReduceMean", &Reader::ReduceMean},
      {"Relu", &Reader::Relu},
      {"Reshape", &Reader::Reshape},
      {"Shape", &Reader::Shape},
      {"Slice", &Reader::Slice},
      {"Softmax", &Reader::Softmax},
      {"Squeeze", &Reader::Squeeze},
      {"Sub", &Reader::Arithmetic},
      {"Transpose", &Reader::Transpose},
      {"Unsqueeze", &Reader::Unsqueeze},
  };
  return handlers;
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

Result<LayerGraph> ReadLayers(const onnx_pb::ModelProto& model) { return Reader(model).Read(); }

}  // namespace riffle
