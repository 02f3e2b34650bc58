// The parts of a ShuffleNetV1 (paper, Table 1 and Figure 2) among the layers of a graph.
#pragma once

#include <vector>

#include "exchange/onnx/read_graph.h"
#include "model/description.h"

namespace riffle {

/// A convolution and the batch norm behind it, unless that is folded into it.
struct ConvNorm {
  const Layer* conv = nullptr;
  const Layer* norm = nullptr;
  int end = 0;  ///< the layer whose values are theirs
};

struct Unit {
  ConvNorm conv1, depthwise, conv3;
  const Layer* shuffle = nullptr;  ///< none: it is in the order of the weights, or there are no groups
  ShufflePlace place = ShufflePlace::kBeforeDepthwise;
  const Layer* pool = nullptr;                      ///< of units with stride 2
  const Layer* concat = nullptr;                    ///< of the first unit of a stage
  ConcatOrder order = ConcatOrder::kShortcutFirst;  ///< where concat
};

struct Structure {
  std::vector<float> scale, shift;  ///< of the input; empty: as it is
  ConvNorm stem;
  const Layer* max_pool = nullptr;
  std::vector<Unit> units;
  const Layer* linear = nullptr;
  const Layer* bias = nullptr;  ///< an affine layer behind the linear one
};

}  // namespace riffle
