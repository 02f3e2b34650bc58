// The constants of an ONNX file, checked before they are read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "onnx/onnx.pb.h"

namespace riffle {

/// Number of values that the dimensions promise. DataLoss if one is negative, the product overflows, or the tensor
/// holds another number of them; InvalidArgument for values in a file of their own and for types that no weights have.
Result<int64_t> CheckTensor(const onnx_pb::TensorProto& tensor);

/// Its values, row-major: of float, double, float16 or bfloat16; whole numbers of int32 or int64. Errors: those of
/// CheckTensor; InvalidArgument for other types.
Result<std::vector<float>> FloatsOf(const onnx_pb::TensorProto& tensor);
Result<std::vector<int64_t>> IntsOf(const onnx_pb::TensorProto& tensor);

bool HoldsFloats(const onnx_pb::TensorProto& tensor);

/// What of a file is no weights: names, nodes, attributes. Objects in memory take many times their bytes in the file,
/// therefore DataLoss for more than a network of some thousand nodes has, before it is parsed.
Status CheckStructureBytes(std::span<const uint8_t> file);

}  // namespace riffle
