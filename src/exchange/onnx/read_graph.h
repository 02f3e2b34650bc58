// An ONNX graph as layers: what its nodes compute, whatever nodes a program wrote for it. Constants and arithmetic on
// shapes are gone, a shuffle is one layer, padding belongs to the layer that it is for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/description.h"
#include "onnx/onnx.pb.h"

namespace riffle {

enum class LayerKind {
  kInput,
  kConv,
  kBatchNorm,
  kRelu,
  kMaxPool,
  kAveragePool,
  kGlobalPool,
  kShuffle,
  kAdd,
  kConcat,
  kLinear,
  kAffine,  ///< one scale and shift a channel, or for all
  kSoftmax,
};

/// "a convolution", for messages.
std::string_view Described(LayerKind kind);

struct Layer {
  LayerKind kind;
  std::string node;  ///< for messages: 'Conv "conv1"'
  std::vector<int> inputs;
  int64_t channels = 0, height = 0, width = 0;  ///< of its output; vectors are 1 × 1

  // Of convolutions and linear layers: constants of the file, and what they are multiplied with.
  const onnx_pb::TensorProto* weight = nullptr;  ///< convolutions [out, in / groups, k, k]
  const onnx_pb::TensorProto* bias = nullptr;
  bool transposed_weight = false;  ///< of linear layers: [in, out] instead of [out, in]
  int64_t groups = 1, kernel = 1, stride = 1;

  // Of batch norms.
  const onnx_pb::TensorProto *gamma = nullptr, *beta = nullptr, *mean = nullptr, *variance = nullptr;
  double epsilon = 0;

  // Of 3×3 pools with stride 2; none: at this size both are the same.
  std::optional<PoolPadding> padding;
  std::optional<AverageDivisor> divisor;
  bool whole_map = false;  ///< an average of all pixels

  int64_t split = 0;  ///< of shuffles: the first of the two dimensions into which channels are split

  // Of affine layers: y = scale·x + shift.
  std::vector<float> scale, shift;
};

struct LayerGraph {
  std::vector<Layer> layers;  ///< the input first, then each behind those that it reads
  int output = 0;             ///< the layer whose values the graph gives
  bool byte_input = false;    ///< pictures are uint8
};

/// REQUIRES: the model outlives the result, which points into it. InvalidArgument names the node that is none of a
/// ShuffleNetV1, DataLoss one that reads what is not there or comes later, as in a cycle.
Result<LayerGraph> ReadLayers(const onnx_pb::ModelProto& model);

}  // namespace riffle
