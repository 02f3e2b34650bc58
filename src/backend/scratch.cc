// A stack of blocks for each thread. A block never moves, so growing leaves earlier pointers alone.
#include "backend/scratch.h"

#include <algorithm>
#include <vector>

#include "base/arena.h"

namespace riffle {
namespace {

constexpr size_t kSmallestBlockBytes = size_t{1} << 20;

struct ThreadMemory {
  std::vector<AlignedArray<std::byte>> blocks;
  size_t block = 0;  // the one in use
  size_t used = 0;   // bytes of it
};

ThreadMemory& Memory() {
  thread_local ThreadMemory memory;
  return memory;
}

}  // namespace

Scratch::Scratch() : block_(Memory().block), used_(Memory().used) {}

Scratch::~Scratch() {
  Memory().block = block_;
  Memory().used = used_;
}

void* Scratch::Bytes(size_t count) {
  ThreadMemory& memory = Memory();
  count = (count + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
  while (memory.block < memory.blocks.size() && memory.used + count > memory.blocks[memory.block].size()) {
    ++memory.block;
    memory.used = 0;
  }
  if (memory.block == memory.blocks.size()) {
    memory.blocks.emplace_back(std::max(count, kSmallestBlockBytes));
    memory.used = 0;
  }
  void* bytes = memory.blocks[memory.block].data() + memory.used;
  memory.used += count;
  return bytes;
}

}  // namespace riffle
