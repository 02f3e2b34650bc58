// A network on its way out: what every writer of a foreign format is handed.
#pragma once

#include "checkpoint/checkpoint.h"
#include "model/plan.h"

namespace riffle {

/// Views; the owner keeps them alive. `values` are those of one weight set, online or averaged.
struct Exportable {
  const CheckpointInfo& info;  ///< preprocessing, names of the classes (none: nobody knows them), options
  const Plan& plan;            ///< MakePlan(info.model): before folding
  const ParameterValues<float>& values;
};

}  // namespace riffle
