// What an exported graph is fed for some pictures, and what it must answer: Riffle's own session computes it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "exchange/onnx/onnx.h"
#include "picture/picture.h"

namespace riffle {

struct TestVector {
  std::vector<int64_t> shape;  ///< of the input: NCHW
  std::string input;           ///< its values, little-endian: float32, or uint8 with `preprocess`
  std::vector<float> output;   ///< [N][classes]: logits, or with `probabilities` their softmax
};

/// REQUIRES: the pictures have the size and channels of the network. Errors: those of EvaluationView::Create and
/// FindBackend.
Result<TestVector> MakeTestVector(const Exportable& network, const OnnxOptions& options,
                                  std::span<const Picture> pictures);

}  // namespace riffle
