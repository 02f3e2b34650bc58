// What an ONNX file says of itself besides its graph, under the names that other tools look for. Pairs of texts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "exchange/onnx/onnx.h"

namespace riffle {

/// Our own keys: with them a file of ours is read as it was written. JSON, as in checkpoints.
inline constexpr char kOnnxModelKey[] = "riffle.model", kOnnxPreprocessingKey[] = "riffle.preprocessing",
                      kOnnxClassesKey[] = "riffle.classes";

/// Keys and values in the order of the file: those of Ultralytics, of ONNX for pictures, of OpenVINO's model_api, ours.
/// REQUIRES: names of classes are UTF-8.
std::vector<std::pair<std::string, std::string>> OnnxMetadata(const CheckpointInfo& info, const OnnxOptions& options);

}  // namespace riffle
