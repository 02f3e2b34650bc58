#include "runtime/load_session.h"

namespace riffle {

Result<std::unique_ptr<Session>> LoadSession(const Execution& execution, const Checkpoint& checkpoint, WeightSet set,
                                             const ModelDescription& model, const OpTable<float>& ops, MapType maps) {
  RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
  ParameterValues<float> values(plan.registry);
  RIFFLE_TRY(checkpoint.Load(plan.registry, set, &values));
  auto session = std::make_unique<Session>(execution, plan, ops, maps);
  session->SetWeights(values);
  return session;
}

}  // namespace riffle
