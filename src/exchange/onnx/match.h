// The ShuffleNetV1 in the layers of a graph: what it is, and its weights in our registry's places.
#pragma once

#include <optional>
#include <vector>

#include "exchange/onnx/read_graph.h"
#include "model/plan.h"

namespace riffle {

struct MatchedNetwork {
  ModelDescription model;
  ParameterValues<float> values;  ///< of MakePlan(model)
  /// Where the graph normalises bytes itself, one per channel, on the 0-255 scale; empty: it does not.
  std::vector<float> mean, std;
};

/// `said`: what the file says of itself. It decides what the graph leaves open: the name, the momentum, and conventions
/// that make no difference in it; without it they are those of MindCV. InvalidArgument names the first layer that is
/// not a ShuffleNetV1's, and a graph that is another network than it says.
Result<MatchedNetwork> MatchNetwork(const LayerGraph& graph, const std::optional<ModelDescription>& said);

}  // namespace riffle
