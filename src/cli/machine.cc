#include "cli/machine.h"

#include "ops/backends.h"

namespace riffle {

Result<std::unique_ptr<Machine>> OpenMachine(const Options& options) {
  RIFFLE_TRY(CheckDevice(options));
  RIFFLE_ASSIGN(const OpTable<float>* const ops, FindBackend(""));
  std::unique_ptr<Machine> machine(new Machine{ThreadPool(ThreadsOf(options)), *ops});
  RIFFLE_TRY(machine->pool.Started());
  return machine;
}

}  // namespace riffle
