// Builds without CUDA.
#include "backend/gpu.h"

namespace riffle {
namespace {

Status NoCuda() {
  return Unavailable("this build has no CUDA: build with `cmake --preset cuda`, or compute on the CPU");
}

}  // namespace

std::string_view CudaVersion() { return ""; }
Result<std::vector<Gpu>> Gpus() { return NoCuda(); }
Result<std::vector<Gpu>> ListGpus() { return NoCuda(); }
Result<std::unique_ptr<Device>> OpenGpu(int) { return NoCuda(); }
int64_t SharedBytesOf(const Device&) { return 0; }

}  // namespace riffle
