#include "backend/device.h"

#include <cstring>

#include "base/arena.h"

namespace riffle {
namespace {

class Cpu : public Device {
 public:
  void* Allocate(size_t bytes) override { return AllocateZeroed(bytes); }
  void Free(void* memory, size_t bytes) override { FreeZeroed(memory, bytes); }
  void* AllocateStaging(size_t bytes) override { return AllocateZeroed(bytes); }
  void FreeStaging(void* memory, size_t bytes) override { FreeZeroed(memory, bytes); }
  bool ReadsHostMemory() const override { return true; }
  void Upload(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void Download(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void Copy(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void Zero(void* memory, size_t bytes) override { std::memset(memory, 0, bytes); }
  void Synchronize() override {}
};

}  // namespace

Device& CpuDevice() {
  static Cpu cpu;
  return cpu;
}

}  // namespace riffle
