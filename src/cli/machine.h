// What commands compute on: the threads that were asked for, and a backend; the CPU's, or that of a graphics card.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "backend/execution.h"
#include "base/status.h"
#include "dist/communicator.h"
#include "model/network.h"
#include "ops/op_table.h"
#include "settings/settings.h"

namespace riffle {

/// The networks of a command run here; it must outlive them.
struct Machine {
  ThreadPool pool;
  std::unique_ptr<Device> gpu;  ///< null: the CPU computes
  const OpTable<float>& ops;
  std::string choice;  ///< one line for people where option device_target had a choice: what computes, and why; or ""
  bool tf32 = false;   ///< option tf32, on a graphics card
  Execution execution = {pool, gpu ? *gpu : CpuDevice(), tf32};
};

/// What maps hold at an amp_level on this machine.
MapType MapsAt(const std::string& amp_level, const Machine& machine);

/// What kernels on such maps are chosen for on this machine; nothing: its backend has no choice.
std::optional<KernelTarget> KernelTargetOf(const Machine& machine, MapType maps);

/// A line for people where amp_level asks for what the machine does not compute with; or "".
std::string NoteOnAmpLevel(const std::string& amp_level, const Machine& machine);

/// A line for people where option tf32 was given and has no effect: on the CPU, and where no maps are of float. `maps`:
/// those that the command computes with.
std::string NoteOnTf32(bool tf32, std::initializer_list<MapType> maps, const Machine& machine);

/// A line for people where option device_id was typed and has no effect: the CPU computes; or "".
std::string NoteOnDeviceId(const Settings& settings, const Machine& machine);

/// What option device_target says, with as many threads as ThreadsOf says. Of the CPU it is the default backend
/// (FindBackend), which the environment variable RIFFLE_BACKEND asks for, too; of cards the one of option device_id,
/// else of the processes of a host each takes its own (dist/cards.h). Errors: Unavailable for a device that there is
/// not (gpu.h), for two processes on one card, and for threads that the system refuses; InvalidArgument for a backend
/// or an instruction set of the environment that there is not. Collective.
Result<std::unique_ptr<Machine>> OpenMachine(const Options& options, Communicator& ranks = ThisProcess());

/// The CPU, whatever the options say: for small checks.
Result<std::unique_ptr<Machine>> OpenCpu(const Options& options);

}  // namespace riffle
