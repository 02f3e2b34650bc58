// The weights of a graph's ShuffleNetV1 in our registry's places.
#pragma once

#include "exchange/onnx/structure.h"
#include "model/plan.h"

namespace riffle {

/// InvalidArgument for a layer that is wider or narrower than the plan, made of the layers before it, has it.
Status CheckShapes(const Structure& structure, const Plan& plan);

/// The weights of `structure` as the plan's registry has them. `shuffle_in_weights`: the channel shuffle is no layer
/// but the order of the weights. Errors: InvalidArgument for another number of them, DataLoss for values that are no
/// numbers. REQUIRES: CheckShapes is OK.
Status Fill(const Structure& structure, const Plan& plan, bool shuffle_in_weights, ParameterValues<float>* values);

}  // namespace riffle
