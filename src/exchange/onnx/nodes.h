// How each operator of ONNX is read that a program may write a ShuffleNetV1 with.
#pragma once

#include <map>
#include <string_view>

#include "base/status.h"
#include "exchange/onnx/node.h"

namespace riffle {

/// Reads a node of one operator and gives its output. InvalidArgument for what no ShuffleNetV1 computes, DataLoss for
/// what does not fit together; both without the node's name.
using ReadNode = Status (*)(Node&);

/// Operators that compute maps and vectors, by name.
const std::map<std::string_view, ReadNode>& LayerNodes();

/// Operators that compute shapes, give maps another one, or give constants, by name.
const std::map<std::string_view, ReadNode>& ShapeNodes();

// Of operators that are used for both: Concat, and Add, Sub, Mul and Div, of shapes.
Status ConcatShapes(Node& node);
Status ShapeArithmetic(Node& node);

}  // namespace riffle
