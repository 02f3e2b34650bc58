// The list of backends, and how one is chosen.
#pragma once

#include <span>
#include <string_view>

#include "base/status.h"
#include "ops/op_table.h"

namespace riffle {

struct Backend {
  std::string_view name;
  std::string_view description;
  const OpTable<float>& (*ops)();
};

/// All backends of this build that compute on the CPU, the default one first.
std::span<const Backend> Backends();

/// The kernels for graphics cards, for Executions on one (backend/gpu.h). Unavailable in a build without CUDA.
Result<const OpTable<float>*> GpuBackend();

/// The ops of the backend of this name; "" is the one that the environment variable RIFFLE_BACKEND names, or where that
/// is not set or empty, the first. Also puts RIFFLE_TARGET into effect (backend/target.h). InvalidArgument for an
/// unknown name of either: it lists the known ones.
Result<const OpTable<float>*> FindBackend(std::string_view name);

}  // namespace riffle
