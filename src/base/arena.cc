#include "base/arena.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace riffle {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;
// From here on memory is mapped directly: one fault for each 2 MB instead of 512, which is what a short run waits for.
constexpr size_t kMappedBytes = kHugePageBytes;

size_t MappedSize(size_t bytes) { return (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes; }

}  // namespace

void* AllocateZeroed(size_t bytes) {
  if (bytes < kMappedBytes) {
    void* memory = ::operator new (bytes + kCacheLineBytes, std::align_val_t{kCacheLineBytes});
    return std::memset(memory, 0, bytes + kCacheLineBytes);
  }
  // Mapped with room to spare, so that it can begin at a huge page; what lies before and behind is given back.
  const size_t size = MappedSize(bytes);
  void* mapped = ::mmap(nullptr, size + kHugePageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* start = static_cast<char*>(mapped);
  const size_t before = (kHugePageBytes - reinterpret_cast<uintptr_t>(start) % kHugePageBytes) % kHugePageBytes;
  if (before > 0) ::munmap(start, before);
  ::munmap(start + before + size, kHugePageBytes - before);
  ::madvise(start + before, size, MADV_HUGEPAGE);  // a wish; small pages work, too
  return start + before;
}

void FreeZeroed(void* memory, size_t bytes) {
  if (bytes < kMappedBytes)
    ::operator delete (memory, std::align_val_t{kCacheLineBytes});
  else
    ::munmap(memory, MappedSize(bytes));
}

}  // namespace riffle
