#include "cli/bench_comm.h"

#include "model/zoo.h"

namespace riffle {

Result<CommBench> RunCommBench(const Settings& settings, Communicator& ranks, double seconds) {
  if (ranks.size() == 1)
    return InvalidArgument(
        "bench comm measures what several processes tell one another, found one: start it by mpirun -n 2 riffle bench "
        "comm");
  RIFFLE_ASSIGN(const ModelDescription model, ModelFromOptions(settings.options, kClassesWithoutData));
  std::vector<Plan> plans;
  for (const ZooEntry& entry : Zoo()) {
    RIFFLE_ASSIGN(const ModelDescription variant, FindModel(entry.name));
    if (variant.groups != model.groups) continue;
    RIFFLE_ASSIGN(Plan plan, MakePlan(variant));
    plans.push_back(std::move(plan));
  }
  return MeasureComm(ranks, plans, seconds);
}

}  // namespace riffle
