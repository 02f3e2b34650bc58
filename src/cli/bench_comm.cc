#include "cli/bench_comm.h"

#include "cli/machine.h"
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
  RIFFLE_ASSIGN(CommBench bench, MeasureComm(ranks, plans, seconds / 2));
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(settings.options, ranks));
  RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
  TrainingWorkload workload(machine->execution, plan, machine->ops, settings.options.batch_size);
  RIFFLE_ASSIGN(bench.step, MeasureSharedStep(ranks, workload, seconds / 2));
  return bench;
}

}  // namespace riffle
