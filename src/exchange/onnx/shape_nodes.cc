// Operators that compute shapes, give maps another one (a shuffle is three of these in a row) or give constants.
#include <algorithm>
#include <array>
#include <numeric>

#include "exchange/onnx/nodes.h"
#include "exchange/onnx/tensor.h"
#include "formats/tensor_view.h"

namespace riffle {
namespace {

using onnx_pb::AttributeProto;

constexpr int64_t kLargest = int64_t{1} << 31;  // of a number in a shape

// The shape that a Reshape asks for, with the number of pictures first.
Result<Ints> Asked(Ints asked, const Value& x) {
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

// `x` with another shape: the vectors of 1 × 1 maps, or the two ends of a shuffle.
Status Reshaped(Node& node, const Value& x, const Ints& asked) {
  const Layer& layer = node.LayerOf(x);
  const Ints vectors = {kBatch, layer.channels}, map = {kBatch, layer.channels, layer.height, layer.width};
  const bool joined = asked == map || (layer.height * layer.width == 1 && asked == vectors);
  if (x.split == 0) {
    Value reshaped = x;
    reshaped.shape = asked;
    if (joined) return node.Give(std::move(reshaped));
    // [batch, a, b, …] of [batch, a·b, …]
    if (asked.size() < 3 || asked[1] * asked[2] != layer.channels)
      return InvalidArgument("expected channels that are split into groups, found {} as {}", layer.channels,
                             ShapeText(std::span(asked).subspan(1)));
    reshaped.split = asked[1];
    return node.Give(std::move(reshaped));
  }
  if (!joined) return InvalidArgument("expected the map behind a Transpose, found another shape");
  const bool moves = x.transposed && x.split != 1 && x.split != layer.channels;
  if (!moves) return node.Give({.layer = x.layer, .shape = asked});
  return node.GiveLayer({.kind = LayerKind::kShuffle, .inputs = {x.layer}, .split = x.split}, asked);
}

Status Reshape(Node& node) {
  RIFFLE_ASSIGN(const Value* const found, node.In(0));
  if (found->layer < 0) return node.GiveInts(found->ints.value_or(Ints()));
  if (found->padded != std::array<int64_t, 4>{}) return InvalidArgument("expected a pool behind padding");
  const Value x = *found;
  RIFFLE_ASSIGN(Ints numbers, node.Numbers(1));
  RIFFLE_ASSIGN(const Ints asked, Asked(std::move(numbers), x));
  return Reshaped(node, x, asked);
}

Status Transpose(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.In(0));
  if (x->constant) {  // weights of a linear layer
    if (x->constant->dims_size() != 2 || node.IntsOf("perm", {1, 0}) != Ints{1, 0})
      return InvalidArgument("expected the transpose of a matrix");
    return node.Give({.constant = x->constant, .transposed = !x->transposed});
  }
  if (x->layer < 0) return InvalidArgument("expected the transpose of a map");
  Ints exchanged(x->shape.size());
  std::iota(exchanged.begin(), exchanged.end(), 0);
  if (x->split > 0) std::swap(exchanged[1], exchanged[2]);
  if (x->split == 0 || x->transposed || node.IntsOf("perm", {}) != exchanged)
    return InvalidArgument("expected a Transpose of the two dimensions into which channels are split");
  Value transposed = *x;
  std::swap(transposed.shape[1], transposed.shape[2]);
  transposed.transposed = true;
  return node.Give(std::move(transposed));
}

Status Flatten(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.Whole(0));
  const Value from = *x;
  if (node.Int("axis", 1) != 1) return InvalidArgument("expected one vector a picture");
  return Reshaped(node, from, {kBatch, ValuesOf(from.shape)});
}

// Of shapes: they are lists here, whatever their dimensions.
Status AsItIs(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.In(0));
  return node.Give(Value(*x));
}

Status Squeeze(Node& node) {
  if (node.IsShape(0)) return AsItIs(node);
  RIFFLE_ASSIGN(const Value* const x, node.Whole(0));
  const Value from = *x;
  return Reshaped(node, from, {kBatch, ValuesOf(from.shape)});
}

Status Unsqueeze(Node& node) {
  if (!node.IsShape(0)) return InvalidArgument("expected a map without further dimensions");
  return AsItIs(node);
}

Status Shape(Node& node) {
  RIFFLE_ASSIGN(const Value* const x, node.In(0));
  if (x->layer < 0) return InvalidArgument("expected the shape of a map");
  Ints shape = x->shape;
  if (node.fixed_batch() > 0) shape[0] = node.fixed_batch();
  return node.GiveInts(std::move(shape));
}

Status Gather(Node& node) {
  if (!node.IsShape(0)) return InvalidArgument("expected channels that are shuffled by Reshape, Transpose and Reshape");
  RIFFLE_ASSIGN(const Ints from, node.Numbers(0));
  RIFFLE_ASSIGN(Ints indices, node.Numbers(1));
  const auto size = static_cast<int64_t>(from.size());
  for (int64_t& i : indices) {
    if (i < -size || i >= size) return DataLoss("index {} of {} numbers", i, size);
    i = from[i < 0 ? i + size : i];
  }
  return node.GiveInts(std::move(indices));
}

Status Slice(Node& node) {
  if (!node.IsShape(0)) return InvalidArgument("expected whole maps, found parts of them");
  RIFFLE_ASSIGN(const Ints from, node.Numbers(0));
  RIFFLE_ASSIGN(const Ints starts, node.Numbers("starts", 1, {}));
  RIFFLE_ASSIGN(const Ints ends, node.Numbers("ends", 2, {}));
  RIFFLE_ASSIGN(const Ints steps, node.Numbers("steps", 4, {1}));
  if (starts.size() != 1 || ends.size() != 1 || steps != Ints{1})
    return InvalidArgument("expected consecutive numbers of a shape");
  const auto size = static_cast<int64_t>(from.size());
  const auto place = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? std::max(i, -size) + size : i, 0, size); };
  const int64_t begin = place(starts[0]), end = std::max(begin, place(ends[0]));
  return node.GiveInts(Ints(from.begin() + begin, from.begin() + end));
}

Status Constant(Node& node) {
  if (const AttributeProto* value = node.Find("value")) {
    RIFFLE_TRY(CheckTensor(value->t()).status());
    return node.Give({.constant = &value->t()});
  }
  if (const AttributeProto* number = node.Find("value_int")) return node.GiveInts({number->i()});
  if (node.Find("value_ints")) return node.GiveInts(node.IntsOf("value_ints", {}));
  return InvalidArgument("expected a constant tensor or whole numbers");
}

}  // namespace

Status ConcatShapes(Node& node) {
  Ints all;
  for (int i = 0; i < node.input_size(); ++i) {
    RIFFLE_ASSIGN(const Ints some, node.Numbers(i));
    all.insert(all.end(), some.begin(), some.end());
    if (all.size() > kMostInts) break;  // GiveInts refuses it
  }
  return node.GiveInts(std::move(all));
}

Status ShapeArithmetic(Node& node) {
  RIFFLE_ASSIGN(Ints a, node.Numbers(0));
  RIFFLE_ASSIGN(Ints b, node.Numbers(1));
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
  return node.GiveInts(std::move(a));
}

const std::map<std::string_view, ReadNode>& ShapeNodes() {
  static const std::map<std::string_view, ReadNode> table = {
      {"Cast", AsItIs},   {"Constant", Constant}, {"Dropout", AsItIs},      {"Flatten", Flatten},
      {"Floor", AsItIs},  // of a quotient that is whole already
      {"Gather", Gather}, {"Identity", AsItIs},   {"Reshape", Reshape},     {"Shape", Shape},
      {"Slice", Slice},   {"Squeeze", Squeeze},   {"Transpose", Transpose}, {"Unsqueeze", Unsqueeze},
  };
  return table;
}

}  // namespace riffle
