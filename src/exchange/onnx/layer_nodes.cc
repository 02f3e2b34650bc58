// Operators that compute maps and vectors: what a layer of the network can be made of.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "exchange/onnx/nodes.h"
#include "exchange/onnx/tensor.h"
#include "formats/tensor_view.h"

namespace riffle {
namespace {

using onnx_pb::AttributeProto;
using onnx_pb::TensorProto;

struct Window {
  int64_t kernel = 1, stride = 1;
  int64_t before = 0, after = 0;  // padding of the node and of a Pad in front of it
  int64_t out = 0;                // pixels a side
  bool beyond = false;            // ceil_mode
};

// Of a square map, and square itself.
Result<Window> ReadWindow(const Node& node, const Value& x, const Ints& kernel_otherwise) {
  if (x.shape.size() != 4 || x.shape[2] != x.shape[3]) return InvalidArgument("expected square maps");
  const int64_t size = x.shape[2];
  const Ints kernel = node.IntsOf("kernel_shape", kernel_otherwise), strides = node.IntsOf("strides", {1, 1});
  const Ints dilations = node.IntsOf("dilations", {1, 1});
  Ints pads = node.IntsOf("pads", {0, 0, 0, 0});
  constexpr int64_t kMost = 10'000;
  if (kernel.size() != 2 || kernel[0] != kernel[1] || !InRange(kernel, 1, kMost) || strides.size() != 2 ||
      strides[0] != strides[1] || !InRange(strides, 1, kMost) || dilations != Ints{1, 1} || pads.size() != 4 ||
      !InRange(pads, 0, kMost))
    return InvalidArgument("expected a square window with one stride and no dilation");
  Window window{.kernel = kernel[0], .stride = strides[0], .beyond = node.Int("ceil_mode", 0) != 0};
  const AttributeProto* automatic = node.Find("auto_pad");
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

Status Conv(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.Padded(0));
  RIFFLE_ASSIGN(const TensorProto* const weight, node.Weights(1));
  if (weight->dims_size() != 4) return InvalidArgument("expected weights of four dimensions");
  RIFFLE_ASSIGN(const Window window, ReadWindow(node, *x, {weight->dims(2), weight->dims(3)}));
  Layer layer{.kind = LayerKind::kConv,
              .inputs = {x->layer},
              .weight = weight,
              .groups = node.Int("group", 1),
              .kernel = window.kernel,
              .stride = window.stride};
  const int64_t in = x->shape[1], out = weight->dims(0);
  if (layer.groups < 1 || layer.groups > in || in % layer.groups != 0 || weight->dims(1) != in / layer.groups ||
      out < 1 || out % layer.groups != 0 || weight->dims(2) != window.kernel || weight->dims(3) != window.kernel)
    return DataLoss("weights of shape {} do not fit {} in {} and a window of {}",
                    ShapeText(Ints(weight->dims().begin(), weight->dims().end())), Counted(in, "channel"),
                    Counted(layer.groups, "group"), window.kernel);
  if (window.before != window.kernel / 2 || window.out != OutSize(x->shape[2], window.stride))
    return InvalidArgument("a {0} × {0} convolution that pads by {1} and {2}: expected {3} on each side", window.kernel,
                           window.before, window.after, window.kernel / 2);
  if (node.Has(2)) {
    RIFFLE_ASSIGN(layer.bias, node.PerChannel(2, out));
  }
  return node.GiveLayer(std::move(layer), {kBatch, out, window.out, window.out});
}

Status BatchNormalization(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.Whole(0));
  if (node.Int("training_mode", 0) != 0)
    return InvalidArgument("a batch norm in training mode: export the network after network.eval()");
  Layer layer{.kind = LayerKind::kBatchNorm, .inputs = {x->layer}, .epsilon = node.Float("epsilon", 1e-5)};
  RIFFLE_ASSIGN(layer.gamma, node.PerChannel(1, x->shape[1]));
  RIFFLE_ASSIGN(layer.beta, node.PerChannel(2, x->shape[1]));
  RIFFLE_ASSIGN(layer.mean, node.PerChannel(3, x->shape[1]));
  RIFFLE_ASSIGN(layer.variance, node.PerChannel(4, x->shape[1]));
  return node.GiveLayer(std::move(layer), x->shape);
}

Status Relu(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.Whole(0));
  return node.GiveLayer({.kind = LayerKind::kRelu, .inputs = {x->layer}}, x->shape);
}

Status Softmax(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.Whole(0));
  return node.GiveLayer({.kind = LayerKind::kSoftmax, .inputs = {x->layer}}, x->shape);
}

Status Pool(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.Padded(0));
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
    return node.GiveLayer({.kind = LayerKind::kGlobalPool, .inputs = {x->layer}}, {kBatch, x->shape[1], 1, 1});
  // On 2 pixels a window of 2 sees what one of 3 sees that reaches beyond the map.
  const bool two = size == 2 && window.kernel == 2 && padding == 0;
  if (window.stride != 2 || (window.kernel != 3 && !two) || window.out != OutSize(size, 2) || window.before > 1)
    return InvalidArgument(
        "a pool of window {}, stride {} and padding {} and {} on maps of {} pixels: expected 3, 2 and 1, or as "
        "little as the size needs",
        window.kernel, window.stride, window.before, window.after, size);
  if (size % 2 == 0) layer.padding = window.before == 1 ? PoolPadding::kSymmetric : PoolPadding::kSame;
  const bool counts = padding > 0 && (node.Int("count_include_pad", 0) != 0 || padded_by_node > 0);
  layer.divisor = counts ? AverageDivisor::kNine : AverageDivisor::kTruePixels;
  return node.GiveLayer(std::move(layer), {kBatch, x->shape[1], window.out, window.out});
}

Status GlobalAveragePool(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.WholeMap(0));
  return node.GiveLayer({.kind = LayerKind::kGlobalPool, .inputs = {x->layer}}, {kBatch, x->shape[1], 1, 1});
}

Status ReduceMean(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.WholeMap(0));
  RIFFLE_ASSIGN(Ints axes, node.Numbers("axes", 1, {}));
  for (int64_t& axis : axes) axis = axis < 0 ? axis + 4 : axis;
  std::ranges::sort(axes);
  if (axes != Ints{2, 3}) return InvalidArgument("expected a mean over height and width");
  Ints shape = {kBatch, x->shape[1]};
  if (node.Int("keepdims", 1) != 0) shape.insert(shape.end(), {1, 1});
  return node.GiveLayer({.kind = LayerKind::kGlobalPool, .inputs = {x->layer}}, std::move(shape));
}

Status Pad(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.WholeMap(0));
  RIFFLE_ASSIGN(const Ints pads, node.Numbers("pads", 1, {}));
  const AttributeProto* mode = node.Find("mode");
  float filled = static_cast<float>(node.Float("value", 0));
  if (node.Has(2)) {
    RIFFLE_ASSIGN(const TensorProto* const constant, node.PerChannel(2, 1));
    RIFFLE_ASSIGN(const std::vector<float> one, FloatsOf(*constant));
    filled = one[0];
  }
  // Zeros for a convolution and an average; what never wins for a maximum of what is not negative.
  if ((mode && mode->s() != "constant") || filled > 0 || pads.size() != 8 || pads[0] != 0 || pads[1] != 0 ||
      pads[4] != 0 || pads[5] != 0 || !InRange(pads, 0, 1))
    return InvalidArgument("expected padding of one pixel at most, with zeros");
  Value padded = *x;
  padded.padded = {pads[2], pads[3], pads[6], pads[7]};
  return node.Give(std::move(padded));
}

Status Concat(Node& node) {
  if (node.IsShape(0)) return ConcatShapes(node);
  if (node.input_size() != 2) return InvalidArgument("expected two inputs, found {}", node.input_size());
  RIFFLE_ASSIGN(const Value* const a, node.WholeMap(0));
  RIFFLE_ASSIGN(const Value* const b, node.WholeMap(1));
  const int64_t axis = node.Int("axis", 1);
  if ((axis != 1 && axis != -3) || a->shape[2] != b->shape[2] || a->shape[3] != b->shape[3])
    return InvalidArgument("expected two maps of one size, joined by channel");
  return node.GiveLayer({.kind = LayerKind::kConcat, .inputs = {a->layer, b->layer}},
                        {kBatch, a->shape[1] + b->shape[1], a->shape[2], a->shape[3]});
}

// Add, Sub, Mul and Div of two maps, of a map and constants, or within a shape.
Status Arithmetic(Node& node) {
  if (node.IsShape(0) && node.IsShape(1)) return ShapeArithmetic(node);
  RIFFLE_ASSIGN(const Value* const a, node.In(0));
  RIFFLE_ASSIGN(const Value* const b, node.In(1));
  const std::string& op = node.op_type();
  if (a->layer >= 0 && b->layer >= 0) {
    RIFFLE_TRY(node.Whole(0).status());
    RIFFLE_TRY(node.Whole(1).status());
    if (op != "Add" || a->shape != b->shape) return InvalidArgument("expected the sum of two maps of one shape");
    return node.GiveLayer({.kind = LayerKind::kAdd, .inputs = {a->layer, b->layer}}, a->shape);
  }
  const bool map_first = a->layer >= 0;
  if (!map_first && op != "Add" && op != "Mul") return InvalidArgument("expected a map as the first input");
  RIFFLE_ASSIGN(const Value* const x, node.Whole(map_first ? 0 : 1));
  RIFFLE_ASSIGN(const TensorProto* const constant, node.Weights(map_first ? 1 : 0));
  // One value, or one a channel: [C, 1, 1] and [1, C, 1, 1] beside maps, [C] and [1, C] beside vectors.
  const int64_t count = *CheckTensor(*constant), channels = x->shape[1];
  const int channel_dim = constant->dims_size() - (x->shape.size() == 4 ? 3 : 1);
  if (count != 1 && (count != channels || channel_dim < 0 || constant->dims(channel_dim) != channels))
    return InvalidArgument("expected one constant, or one for each of {}", Counted(channels, "channel"));
  RIFFLE_ASSIGN(std::vector<float> values, FloatsOf(*constant));
  values.resize(channels, values[0]);
  Layer layer{.kind = LayerKind::kAffine, .inputs = {x->layer}};
  for (const float value : values) {
    layer.scale.push_back(op == "Mul" ? value : op == "Div" ? 1 / value : 1.0f);
    layer.shift.push_back(op == "Add" ? value : op == "Sub" ? -value : 0.0f);
  }
  return node.GiveLayer(std::move(layer), x->shape);
}

Status Linear(Node& node, bool transposed_weight, bool with_bias) {
  RIFFLE_ASSIGN(const Value* const x, node.Whole(0));
  RIFFLE_ASSIGN(const Value* const second, node.In(1));
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
    RIFFLE_ASSIGN(layer.bias, node.PerChannel(2, out));
  }
  return node.GiveLayer(std::move(layer), {kBatch, out});
}

Status Gemm(Node& node) {
  if (node.Float("alpha", 1) != 1 || (node.Has(2) && node.Float("beta", 1) != 1) || node.Int("transA", 0) != 0)
    return InvalidArgument("expected a linear layer without factors");
  return Linear(node, node.Int("transB", 0) == 0, node.Has(2));
}

Status MatMul(Node& node) { return Linear(node, true, false); }

}  // namespace

const std::map<std::string_view, ReadNode>& LayerNodes() {
  static const std::map<std::string_view, ReadNode> table = {
      {"Add", Arithmetic},
      {"AveragePool", Pool},
      {"BatchNormalization", BatchNormalization},
      {"Concat", Concat},
      {"Conv", Conv},
      {"Div", Arithmetic},
      {"Gemm", Gemm},
      {"GlobalAveragePool", GlobalAveragePool},
      {"MatMul", MatMul},
      {"MaxPool", Pool},
      {"Mul", Arithmetic},
      {"Pad", Pad},
      {"ReduceMean", ReduceMean},
      {"Relu", Relu},
      {"Softmax", Softmax},
      {"Sub", Arithmetic},
  };
  return table;
}

}  // namespace riffle
