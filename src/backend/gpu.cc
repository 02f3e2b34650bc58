#include "backend/gpu.h"

#include <fmt/format.h>

namespace riffle {

std::string Described(const Gpu& gpu) {
  return fmt::format("GPU {} ({}, {:.1f} of {:.1f} GB free)", gpu.id, gpu.name,
                     1e-9 * static_cast<double>(gpu.free_bytes), 1e-9 * static_cast<double>(gpu.memory_bytes));
}

std::vector<std::string> AboutGpus() {
  if (CudaVersion().empty()) return {"CUDA: not in this build (cmake --preset cuda); it computes on the CPU"};
  std::vector<std::string> lines = {fmt::format("CUDA: {}", CudaVersion())};
  const Result<std::vector<Gpu>> gpus = Gpus();
  if (!gpus.ok()) lines.push_back("No GPU: " + gpus.status().message());
  if (gpus.ok())
    for (const Gpu& gpu : *gpus) lines.push_back(Described(gpu));
  return lines;
}

}  // namespace riffle
