// A node of an ONNX graph as it is read: its attributes, what its inputs are, and a place for what it gives. Each
// tensor of a graph is a value of one of three kinds: a constant; whole numbers, of which shapes are computed; or what
// a layer gives.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "exchange/onnx/read_graph.h"
#include "onnx/onnx.pb.h"

namespace riffle {

using Ints = std::vector<int64_t>;

/// The number of pictures, in shapes: nobody may compute with it.
inline constexpr int64_t kBatch = std::numeric_limits<int64_t>::min();
inline constexpr size_t kMostInts = 64;  ///< of a shape

bool InRange(const Ints& values, int64_t low, int64_t high);

/// Values of a picture in a tensor of this shape.
int64_t ValuesOf(std::span<const int64_t> shape);

struct Value {
  const onnx_pb::TensorProto* constant = nullptr;
  std::optional<Ints> ints = std::nullopt;
  // What a layer gives:
  int layer = -1;
  Ints shape = {};                  ///< [kBatch, channels, height, width], or without the last two
  int64_t split = 0;                ///< on the way through a shuffle: channels are split in two, the first of this size
  bool transposed = false;          ///< and have changed places; of a constant: it is a matrix, and transposed
  std::array<int64_t, 4> padded{};  ///< top, left, bottom, right: zeros around it, for the next layer to take
};

/// What is known of a graph after some of its nodes.
struct GraphSoFar {
  std::map<std::string, Value, std::less<>> values;  ///< by the tensor's name
  LayerGraph layers;
  int64_t fixed_batch = 0;  ///< pictures that its input takes; 0: any number

  /// Adds a layer whose output has this shape.
  Value Add(Layer layer, Ints shape);
};

/// Inputs are numbered from 0; errors of those that are not what was asked for say so without the node's name: DataLoss
/// where something is missing, InvalidArgument where it is another thing. Pointers to values stay valid.
class Node {
 public:
  /// Both must outlive it.
  Node(const onnx_pb::NodeProto& proto, GraphSoFar& graph) : proto_(proto), graph_(graph) {}

  const std::string& op_type() const { return proto_.op_type(); }
  int input_size() const { return proto_.input_size(); }
  int64_t fixed_batch() const { return graph_.fixed_batch; }
  /// The layer that gives `value`. REQUIRES: one does.
  const Layer& LayerOf(const Value& value) const { return graph_.layers.layers[value.layer]; }
  /// 'Conv "conv1"', for messages.
  std::string Name() const;

  // Attributes; `otherwise` where there is none of the name.
  const onnx_pb::AttributeProto* Find(std::string_view name) const;  ///< null: there is none
  int64_t Int(std::string_view name, int64_t otherwise) const;
  double Float(std::string_view name, double otherwise) const;
  Ints IntsOf(std::string_view name, Ints otherwise) const;

  // Inputs.
  bool Has(int i) const { return i < proto_.input_size() && !proto_.input(i).empty(); }
  Result<const Value*> In(int i) const;
  /// What a layer gives, padded or not, but not within a shuffle.
  Result<const Value*> Padded(int i) const;
  /// The same, not padded.
  Result<const Value*> Whole(int i) const;
  /// The same, with height and width.
  Result<const Value*> WholeMap(int i) const;
  Result<const onnx_pb::TensorProto*> Weights(int i) const;
  /// Weights, one value a channel.
  Result<const onnx_pb::TensorProto*> PerChannel(int i, int64_t channels) const;
  bool IsShape(int i) const;
  Result<Ints> Numbers(int i) const;
  /// Of an attribute in older versions of ONNX, of an input in newer ones.
  Result<Ints> Numbers(std::string_view attribute, int i, Ints otherwise) const;

  // Its output, once. DataLoss if another node gives that name already.
  Status Give(Value value);
  Status GiveInts(Ints ints);
  Status GiveLayer(Layer layer, Ints shape);

 private:
  const onnx_pb::NodeProto& proto_;
  GraphSoFar& graph_;
};

}  // namespace riffle
