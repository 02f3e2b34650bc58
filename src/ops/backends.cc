#include "ops/backends.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "backend/target.h"
#include "base/text.h"
#include "ops/gpu_ops.h"

namespace riffle {
namespace {

constexpr Backend kBackends[] = {
    {"cpu", "Highway kernels for this machine's instruction set", CpuOps},
    {"reference", "plain loops, slow: what every other backend is held to", ReferenceOps<float>},
};

Result<const OpTable<float>*> Find(std::string_view name) {
  std::string list;
  std::vector<std::string_view> names;
  for (const Backend& backend : kBackends) {
    if (backend.name == name) return &backend.ops();
    list += (list.empty() ? "" : ", ") + std::string(backend.name);
    names.push_back(backend.name);
  }
  return InvalidArgument("unknown backend '{}': there are {}; did you mean '{}'?", name, list, Nearest(name, names));
}

}  // namespace

std::span<const Backend> Backends() { return kBackends; }

Result<const OpTable<float>*> GpuBackend() {
#ifdef RIFFLE_HAS_CUDA
  return &cuda::Ops();
#else
  return Unavailable("this build has no CUDA");
#endif
}

Result<const OpTable<float>*> FindBackend(std::string_view name) {
  RIFFLE_TRY(UseTargetOfEnvironment());
  if (!name.empty()) return Find(name);
  const char* chosen = std::getenv("RIFFLE_BACKEND");
  if (!chosen || !*chosen) return &Backends().front().ops();
  Result<const OpTable<float>*> ops = Find(chosen);
  if (!ops.ok()) return Status(ops.status()).In("RIFFLE_BACKEND");
  return ops;
}

}  // namespace riffle
