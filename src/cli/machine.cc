#include "cli/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "backend/gpu.h"
#include "dist/cards.h"
#include "dist/host.h"
#include "ops/backends.h"

namespace riffle {
namespace {

/// Whether the environment names a backend of the CPU.
bool EnvironmentAsksForCpu() {
  const char* backend = std::getenv("RIFFLE_BACKEND");
  return backend != nullptr && *backend != '\0';
}

Result<std::unique_ptr<Machine>> OpenGpuMachine(const Options& options, int id, int processes) {
  RIFFLE_ASSIGN(std::unique_ptr<Device> gpu, OpenGpu(id));
  RIFFLE_ASSIGN(const OpTable<float>* const ops, GpuBackend());
  std::string choice = processes == 1
                           ? "Computing on " + gpu->Name()
                           : fmt::format("Computing in {} processes, a GPU each; here {}", processes, gpu->Name());
  std::unique_ptr<Machine> machine(
      new Machine{ThreadPool(ThreadsOf(options)), std::move(gpu), *ops, std::move(choice), options.tf32});
  RIFFLE_TRY(machine->pool.Started());
  return machine;
}

}  // namespace

MapType MapsAt(const std::string& amp_level, const Machine& machine) {
  return amp_level == "O0" || machine.ops.bfloat16 == nullptr ? MapType::kFloat : MapType::kBfloat16;
}

std::optional<KernelTarget> KernelTargetOf(const Machine& machine, MapType maps) {
  if (machine.gpu) return KernelTarget{maps, machine.tf32, SharedBytesOf(*machine.gpu)};
  return &machine.ops == &CpuOps() ? std::optional<KernelTarget>(KernelTarget{maps}) : std::nullopt;
}

std::string NoteOnAmpLevel(const std::string& amp_level, const Machine& machine) {
  if (amp_level == "O0" || machine.ops.bfloat16 != nullptr) return "";
  return fmt::format("Level {} has no effect here: the CPU computes everything in fp32", amp_level);
}

std::string NoteOnTf32(bool tf32, std::initializer_list<MapType> maps, const Machine& machine) {
  if (!tf32) return "";
  if (!machine.gpu) return "--tf32 has no effect here: the CPU computes everything in fp32";
  if (std::ranges::find(maps, MapType::kFloat) == maps.end())
    return "--tf32 has no effect here: maps are bfloat16, and so are the factors of their products";
  return "";
}

std::string NoteOnDeviceId(const Settings& settings, const Machine& machine) {
  const auto origin = settings.origins.find("device_id");
  const bool typed = origin != settings.origins.end() && origin->second == kCommandLine;
  return typed && !machine.gpu ? "--device_id has no effect here: the CPU computes" : "";
}

Result<std::unique_ptr<Machine>> OpenCpu(const Options& options) {
  RIFFLE_ASSIGN(const OpTable<float>* const ops, FindBackend(""));
  std::unique_ptr<Machine> machine(new Machine{ThreadPool(ThreadsOf(options)), nullptr, *ops, ""});
  RIFFLE_TRY(machine->pool.Started());
  return machine;
}

Result<std::unique_ptr<Machine>> OpenMachine(const Options& options, Communicator& ranks) {
  if (options.device_target == "Ascend")
    return Unavailable(
        "option device_target: expected auto, CPU or GPU, found Ascend, which Riffle does not compute on");
  const bool asks_for_cpu = options.device_target == "CPU" ||
                            (options.device_target == "auto" && (CudaVersion().empty() || EnvironmentAsksForCpu()));
  Result<std::vector<Gpu>> gpus = std::vector<Gpu>();
  if (!asks_for_cpu) gpus = ListGpus();
  const int count = gpus.ok() ? static_cast<int>(gpus->size()) : 0;
  const int id = count > 0 ? CardOf(ranks.local_rank(), count, options.device_id) : 0;
  // Before a context is made on any card.
  if (ranks.size() > 1)
    RIFFLE_TRY(CheckPlacesOf(ranks, {.host = HostIdentity(),
                                     .card = id < count ? (*gpus)[static_cast<size_t>(id)].bus_id : "",
                                     .cards = count,
                                     .asked = options.device_id.has_value(),
                                     .why_cpu = gpus.ok() && !asks_for_cpu ? fmt::format("there is no GPU {}", id)
                                                                           : gpus.status().message()}));
  if (asks_for_cpu) return OpenCpu(options);
  Result<std::unique_ptr<Machine>> machine = OpenGpuMachine(options, id, ranks.size());
  if (machine.ok()) return machine;
  if (options.device_target == "GPU") return Status(machine.status()).In("option device_target=GPU");
  if (ranks.size() > 1 && count > 0) return machine;  // others have theirs
  const std::string why = machine.status().message();
  machine = OpenCpu(options);
  if (machine.ok()) (*machine)->choice = "Computing on the CPU: " + why;
  return machine;
}

}  // namespace riffle
