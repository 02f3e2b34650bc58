#include "ops/testing/card.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "backend/gpu.h"
#include "ops/backends.h"

namespace riffle {
namespace {

// Memory that the host and the card see at the same addresses. Blocks have sizes of powers of two, and are used again;
// each has a header, where its size stands.
class SharedMemory {
 public:
  SharedMemory(char* begin, size_t bytes) : begin_(begin), end_(begin + bytes), next_(begin) {}

  bool Has(const void* memory) const { return memory >= begin_ && memory < end_; }

  void* Allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t size = std::bit_ceil(bytes + kHeader);
    Block*& free = free_[std::countr_zero(size)];
    Block* block = free;
    if (block != nullptr) {
      free = block->next;
    } else {
      if (static_cast<size_t>(end_ - next_) < size) throw std::bad_alloc();
      block = reinterpret_cast<Block*>(std::exchange(next_, next_ + size));
    }
    block->size = size;
    return reinterpret_cast<char*>(block) + kHeader;
  }
  void Free(void* memory) {
    const std::lock_guard lock(mutex_);
    auto* const block = reinterpret_cast<Block*>(static_cast<char*>(memory) - kHeader);
    Block*& free = free_[std::countr_zero(block->size)];
    block->next = std::exchange(free, block);
  }

 private:
  struct Block {
    size_t size;
    Block* next;
  };
  static constexpr size_t kHeader = 64;  // blocks begin at cache lines

  std::mutex mutex_;
  char *const begin_, *const end_, *next_;
  std::array<Block*, 64> free_{};  // by the logarithm of their size
};

constinit SharedMemory* shared_memory = nullptr;  // once there is a card

// Null: nobody asked for a card.
std::unique_ptr<TestCard> Open() {
  const char* asked = std::getenv("RIFFLE_TEST_GPU");
  if (asked == nullptr || *asked != '1') return nullptr;
  constexpr size_t kBytes = size_t{2} << 30;
  Result<std::unique_ptr<Device>> device = OpenGpu(0);
  const Result<const OpTable<float>*> ops = GpuBackend();
  if (!device.ok() || !ops.ok()) {
    std::fprintf(stderr, "RIFFLE_TEST_GPU: %s\n", (device.ok() ? ops.status() : device.status()).message().c_str());
    std::exit(1);
  }
  static ThreadPool pool(1);
  static const std::unique_ptr<Device> card = std::move(*device);
  static SharedMemory memory(static_cast<char*>(card->AllocateStaging(kBytes)), kBytes);
  shared_memory = &memory;
  std::printf("Ops run on GPU 0\n");
  return std::unique_ptr<TestCard>(new TestCard{{pool, *card}, **ops});
}

// Before main, so that each allocation of a test comes after it.
const std::unique_ptr<TestCard> test_card = Open();

void* Allocate(size_t bytes) {
  if (shared_memory != nullptr) return shared_memory->Allocate(bytes);
  return std::aligned_alloc(64, (bytes + 127) / 64 * 64);
}
void Free(void* memory) {
  if (shared_memory != nullptr && shared_memory->Has(memory))
    shared_memory->Free(memory);
  else
    std::free(memory);
}

}  // namespace

const TestCard* OnCard() { return test_card.get(); }

}  // namespace riffle

// All of the program's; those of arrays call these.
void* operator new(size_t bytes) { return riffle::Allocate(bytes); }
void* operator new(size_t bytes, std::align_val_t) { return riffle::Allocate(bytes); }
void operator delete(void* memory) noexcept { riffle::Free(memory); }
void operator delete(void* memory, size_t) noexcept { riffle::Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { riffle::Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { riffle::Free(memory); }
