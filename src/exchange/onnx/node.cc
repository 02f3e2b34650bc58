#include "exchange/onnx/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/json.h"
#include "exchange/onnx/tensor.h"

namespace riffle {

using onnx_pb::AttributeProto;
using onnx_pb::TensorProto;

bool InRange(const Ints& values, int64_t low, int64_t high) {
  return std::ranges::all_of(values, [&](int64_t v) { return v >= low && v <= high; });
}

int64_t ValuesOf(std::span<const int64_t> shape) {
  return std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
}

Value GraphSoFar::Add(Layer layer, Ints shape) {
  layer.channels = shape[1];
  layer.height = shape.size() == 4 ? shape[2] : 1;
  layer.width = shape.size() == 4 ? shape[3] : 1;
  layers.layers.push_back(std::move(layer));
  return {.layer = static_cast<int>(layers.layers.size()) - 1, .shape = std::move(shape)};
}

std::string Node::Name() const {
  return fmt::format("{} {}", op_type(),
                     Quoted(proto_.name().empty() && proto_.output_size() ? proto_.output(0) : proto_.name()));
}

const AttributeProto* Node::Find(std::string_view name) const {
  for (const AttributeProto& attribute : proto_.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

int64_t Node::Int(std::string_view name, int64_t otherwise) const {
  const AttributeProto* attribute = Find(name);
  return attribute ? attribute->i() : otherwise;
}

double Node::Float(std::string_view name, double otherwise) const {
  const AttributeProto* attribute = Find(name);
  return attribute ? double{attribute->f()} : otherwise;
}

Ints Node::IntsOf(std::string_view name, Ints otherwise) const {
  const AttributeProto* attribute = Find(name);
  return attribute ? Ints(attribute->ints().begin(), attribute->ints().end()) : std::move(otherwise);
}

Result<const Value*> Node::In(int i) const {
  if (!Has(i)) return DataLoss("input {} is missing", i);
  const auto found = graph_.values.find(proto_.input(i));
  if (found == graph_.values.end())
    return DataLoss("it reads {}, which no node before it gives: a weight is missing, or its nodes are in a circle",
                    Quoted(proto_.input(i)));
  return &found->second;
}

Result<const Value*> Node::Padded(int i) const {
  RIFFLE_ASSIGN(const Value* const x, In(i));
  if (x->layer < 0) return InvalidArgument("expected a map as input {}, found a constant", i);
  if (x->split > 0) return InvalidArgument("expected a Transpose and a Reshape behind a Reshape, found this");
  return x;
}

Result<const Value*> Node::Whole(int i) const {
  RIFFLE_ASSIGN(const Value* const x, Padded(i));
  if (x->padded != std::array<int64_t, 4>{})
    return InvalidArgument("expected a convolution or a pool behind padding, found this");
  return x;
}

Result<const Value*> Node::WholeMap(int i) const {
  RIFFLE_ASSIGN(const Value* const x, Whole(i));
  if (x->shape.size() != 4) return InvalidArgument("expected a map as input {}, found vectors", i);
  return x;
}

Result<const TensorProto*> Node::Weights(int i) const {
  RIFFLE_ASSIGN(const Value* const x, In(i));
  if (!x->constant || !HoldsFloats(*x->constant) || x->transposed)
    return InvalidArgument("expected weights as input {}, found what is computed", i);
  return x->constant;
}

Result<const TensorProto*> Node::PerChannel(int i, int64_t channels) const {
  RIFFLE_ASSIGN(const TensorProto* const tensor, Weights(i));
  if (*CheckTensor(*tensor) != channels)
    return DataLoss("input {}: expected {} values, found {}", i, channels, *CheckTensor(*tensor));
  return tensor;
}

bool Node::IsShape(int i) const {
  const Result<const Value*> x = In(i);
  return x.ok() && ((*x)->ints || ((*x)->constant && !HoldsFloats(*(*x)->constant)));
}

Result<Ints> Node::Numbers(int i) const {
  RIFFLE_ASSIGN(const Value* const value, In(i));
  if (value->ints) return *value->ints;
  if (!value->constant || value->layer >= 0) return InvalidArgument("expected whole numbers, found a map");
  RIFFLE_ASSIGN(const int64_t count, CheckTensor(*value->constant));
  if (count > static_cast<int64_t>(kMostInts)) return InvalidArgument("expected a shape, found {} numbers", count);
  return riffle::IntsOf(*value->constant);
}

Result<Ints> Node::Numbers(std::string_view attribute, int i, Ints otherwise) const {
  if (Has(i)) return Numbers(i);
  return IntsOf(attribute, std::move(otherwise));
}

Status Node::Give(Value value) {
  if (!graph_.values.emplace(proto_.output(0), std::move(value)).second)
    return DataLoss("it gives {} a second time", Quoted(proto_.output(0)));
  return {};
}

Status Node::GiveInts(Ints ints) {
  if (ints.size() > kMostInts) return InvalidArgument("expected a shape, found {} numbers", ints.size());
  return Give({.ints = std::move(ints)});
}

Status Node::GiveLayer(Layer layer, Ints shape) {
  layer.node = Name();
  return Give(graph_.Add(std::move(layer), std::move(shape)));
}

}  // namespace riffle
