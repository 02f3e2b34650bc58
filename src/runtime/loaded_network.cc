#include "runtime/loaded_network.h"

namespace riffle {

Result<std::unique_ptr<LoadedNetwork>> LoadNetwork(const Execution& execution, const Checkpoint& checkpoint,
                                                   WeightSet set, const ModelDescription& model,
                                                   const OpTable<float>& ops) {
  RIFFLE_ASSIGN(Plan plan, MakePlan(model));
  auto network = std::make_unique<LoadedNetwork>(execution, std::move(plan), ops);
  ParameterValues<float> values(network->plan.registry);
  RIFFLE_TRY(checkpoint.Load(network->plan.registry, set, &values));
  network->session.SetWeights(values);
  return network;
}

}  // namespace riffle
