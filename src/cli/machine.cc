#include "cli/machine.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "backend/gpu.h"
#include "ops/backends.h"

namespace riffle {
namespace {

/// Whether the environment names a backend of the CPU.
bool EnvironmentAsksForCpu() {
  const char* backend = std::getenv("RIFFLE_BACKEND");
  return backend != nullptr && *backend != '\0';
}

Result<std::unique_ptr<Machine>> OpenGpuMachine(const Options& options) {
  RIFFLE_ASSIGN(std::unique_ptr<Device> gpu, OpenGpu(static_cast<int>(options.device_id)));
  RIFFLE_ASSIGN(const OpTable<float>* const ops, GpuBackend());
  std::string choice = "Computing on " + gpu->Name();
  std::unique_ptr<Machine> machine(
      new Machine{ThreadPool(ThreadsOf(options)), std::move(gpu), *ops, std::move(choice)});
  RIFFLE_TRY(machine->pool.Started());
  return machine;
}

}  // namespace

MapType MapsAt(const std::string& amp_level, const Machine& machine) {
  return amp_level == "O0" || machine.ops.bfloat16 == nullptr ? MapType::kFloat : MapType::kBfloat16;
}

std::string NoteOnAmpLevel(const std::string& amp_level, const Machine& machine) {
  if (amp_level == "O0" || machine.ops.bfloat16 != nullptr) return "";
  return fmt::format("Level {} has no effect here: the CPU computes everything in fp32", amp_level);
}

Result<std::unique_ptr<Machine>> OpenCpu(const Options& options) {
  RIFFLE_ASSIGN(const OpTable<float>* const ops, FindBackend(""));
  std::unique_ptr<Machine> machine(new Machine{ThreadPool(ThreadsOf(options)), nullptr, *ops, ""});
  RIFFLE_TRY(machine->pool.Started());
  return machine;
}

Result<std::unique_ptr<Machine>> OpenMachine(const Options& options) {
  if (options.device_target == "CPU") return OpenCpu(options);
  if (options.device_target == "auto" && (CudaVersion().empty() || EnvironmentAsksForCpu())) return OpenCpu(options);
  if (options.device_target == "Ascend")
    return Unavailable(
        "option device_target: expected auto, CPU or GPU, found Ascend, which Riffle does not compute on");
  Result<std::unique_ptr<Machine>> machine = OpenGpuMachine(options);
  if (machine.ok()) return machine;
  if (options.device_target == "GPU") return Status(machine.status()).In("option device_target=GPU");
  const std::string why = machine.status().message();
  machine = OpenCpu(options);
  if (machine.ok()) (*machine)->choice = "Computing on the CPU: " + why;
  return machine;
}

}  // namespace riffle
