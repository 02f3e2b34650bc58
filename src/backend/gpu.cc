#include "backend/gpu.h"

#include <fmt/format.h>

namespace riffle {

std::string Described(const Gpu& gpu) {
  return fmt::format("GPU {} ({}, {:.1f} of {:.1f} GB free)", gpu.id, gpu.name,
                     1e-9 * static_cast<double>(gpu.free_bytes), 1e-9 * static_cast<double>(gpu.memory_bytes));
}

}  // namespace riffle
