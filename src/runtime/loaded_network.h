// A checkpoint, ready to classify.
#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "model/plan.h"
#include "runtime/session.h"

namespace riffle {

struct LoadedNetwork {
  LoadedNetwork(const Execution& execution, Plan training_plan, const OpTable<float>& ops)
      : plan(std::move(training_plan)), session(execution, plan, ops) {}
  const Plan plan;
  Session session;
};

/// `model` is the checkpoint's, perhaps for pictures of another size; its ops run on
/// `execution`. Errors: those of MakePlan and Checkpoint::Load.
Result<std::unique_ptr<LoadedNetwork>> LoadNetwork(const Execution& execution, const Checkpoint& checkpoint,
                                                   WeightSet set, const ModelDescription& model,
                                                   const OpTable<float>& ops);

}  // namespace riffle
