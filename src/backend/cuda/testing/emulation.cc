#include "backend/cuda/testing/emulation.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "backend/testing/guarded_device.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace riffle::emulated {

constinit thread_local Index3 threadIdx, blockIdx, gridDim;

namespace {

Order order = Order::kForward;

constexpr size_t kStackBytes = 256 * 1024;
constexpr size_t kAlignment = 16;  // of shared memory
constexpr size_t kMostShared = 256 << 10, kGuard = size_t{64} << 20;
constexpr unsigned char kFill = 0xFF;  // NaN as float, double or bf16

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "emulation of a kernel: %s\n", why);
  std::abort();
}

// Where a fiber goes on. swapcontext would call the system each time, to save its signals' mask.
using Place = void* [5];  // as __builtin_setjmp wants it

[[noreturn, gnu::noinline]] __attribute__((no_sanitize("thread"))) void Jump(Place to) { __builtin_longjmp(to, 1); }

// Goes on at `to` until somebody jumps to `from`.
[[gnu::noinline]] __attribute__((no_sanitize("thread"))) void Switch(Place from, Place to) {
  if (__builtin_setjmp(from) == 0) Jump(to);
}

// A fiber, which calls its body again and again, and the switch to and from it. AddressSanitizer must know which stack
// is in use.
class Fiber {
 public:
  explicit Fiber(void (*body)()) : body_(body), stack_(new char[kStackBytes]) {}

  // Runs the body, from where it gave way.
  void Resume() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_of_scheduler_, stack_.get(), kStackBytes);
#endif
    if (begun_) {
      Switch(scheduler_, inside_);
    } else {
      begun_ = true;
      Begin();
    }
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_of_scheduler_, nullptr, nullptr);
#endif
  }
  // Called inside: back to the scheduler.
  void GiveWay() {
#if defined(__SANITIZE_ADDRESS__)
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, bottom_of_scheduler_, size_of_scheduler_);
#endif
    Switch(inside_, scheduler_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack, &bottom_of_scheduler_, &size_of_scheduler_);
#endif
  }

 private:
  [[gnu::noinline]] void Begin() {
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_.get();
    context.uc_stack.ss_size = kStackBytes;
    context.uc_link = nullptr;  // a fiber has no end
    begins_ = this;
    makecontext(&context, Enter, 0);
    if (__builtin_setjmp(scheduler_) == 0) setcontext(&context);
  }
  static void Enter() {
    Fiber& fiber = *begins_;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &fiber.bottom_of_scheduler_, &fiber.size_of_scheduler_);
#endif
    for (;;) {
      fiber.body_();
      fiber.GiveWay();
    }
  }

  static thread_local Fiber* begins_;
  void (*const body_)();
  bool begun_ = false;
  std::unique_ptr<char[]> stack_;
  Place inside_{}, scheduler_{};
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack_of_scheduler_ = nullptr;
  const void* bottom_of_scheduler_ = nullptr;
  size_t size_of_scheduler_ = 0;
#endif
};

thread_local Fiber* Fiber::begins_ = nullptr;

enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };

// The block that runs now. Its threads take fibers as they begin, and give them back when they end, so that a kernel
// without barriers runs in one.
struct Block {
  int threads = 0;
  const std::function<void(void*)>* thread = nullptr;
  void* shared = nullptr;

  // Of each thread:
  std::vector<State> states;
  std::vector<Fiber*> fiber_of;       // null: not begun, or done
  std::vector<const void*> deposits;  // for the other lanes of its warp
  int current = 0;
};

thread_local Block block;
thread_local std::vector<std::unique_ptr<Fiber>> all_fibers;
thread_local std::vector<Fiber*> free_fibers;

void GoTo(int thread) {
  block.current = thread;
  threadIdx = {static_cast<unsigned>(thread), 0, 0};
}

// Runs a thread, and where it has ended the next of its warp, if that has not begun: a warp without barriers needs no
// other fiber.
void Body() {
  for (;;) {
    const int mine = block.current, next = order == Order::kForward ? mine + 1 : mine - 1;
    (*block.thread)(block.shared);
    block.states[static_cast<size_t>(mine)] = State::kDone;
    if (next < 0 || next >= block.threads || next / 32 != mine / 32) return;
    Fiber*& next_fiber = block.fiber_of[static_cast<size_t>(next)];
    if (next_fiber || block.states[static_cast<size_t>(next)] != State::kReady) return;
    next_fiber = std::exchange(block.fiber_of[static_cast<size_t>(mine)], nullptr);
    GoTo(next);
  }
}

void Wait(State state) {
  const int mine = block.current;
  block.states[static_cast<size_t>(mine)] = state;
  block.fiber_of[static_cast<size_t>(mine)]->GiveWay();
}

void Step(int thread) {
  GoTo(thread);
  Fiber*& fiber = block.fiber_of[static_cast<size_t>(thread)];
  if (!fiber) {
    if (free_fibers.empty()) {
      all_fibers.push_back(std::make_unique<Fiber>(Body));
      free_fibers.push_back(all_fibers.back().get());
    }
    fiber = free_fibers.back();
    free_fibers.pop_back();
  }
  fiber->Resume();
  const auto last = static_cast<size_t>(block.current);  // who gave way
  if (block.states[last] == State::kDone) free_fibers.push_back(std::exchange(block.fiber_of[last], nullptr));
}

// Lets all threads [from, to) go on that wait in `state`, if none of them is elsewhere but those that have ended.
bool Release(int from, int to, State state) {
  int waiting = 0, elsewhere = 0;
  for (int t = from; t < to; ++t) {
    const State s = block.states[static_cast<size_t>(t)];
    waiting += s == state;
    elsewhere += s != state && s != State::kDone;
  }
  if (waiting == 0 || elsewhere > 0) return false;
  for (int t = from; t < to; ++t) {
    State& s = block.states[static_cast<size_t>(t)];
    if (s == state) s = State::kReady;
  }
  return true;
}

// Calls f(0) … f(count - 1) in the order that was chosen.
template <class F>
void InOrder(int count, const F& f) {
  for (int i = 0; i < count; ++i) f(order == Order::kForward ? i : count - 1 - i);
}

// Runs threads [from, to) as far as they come without others.
void RunWarp(int from, int to) {
  do {
    InOrder(to - from, [&](int i) {
      const int thread = from + i;
      if (block.states[static_cast<size_t>(thread)] == State::kReady) Step(thread);
    });
  } while (Release(from, to, State::kAtWarpBarrier));
}

void RunBlock() {
  const int threads = block.threads;
  block.states.assign(static_cast<size_t>(threads), State::kReady);
  block.fiber_of.assign(static_cast<size_t>(threads), nullptr);
  block.deposits.assign(static_cast<size_t>(threads), nullptr);
  do {
    InOrder((threads + 31) / 32, [&](int w) { RunWarp(w * 32, std::min(w * 32 + 32, threads)); });
  } while (Release(0, threads, State::kAtBlockBarrier));
  if (!std::ranges::all_of(block.states, [](State s) { return s == State::kDone; }))
    Die("some threads of a block wait where others do not come");
}

// What lies before and behind shared memory can be neither read nor written.
unsigned char* EndOfSharedMemory() {
  thread_local unsigned char* const end = [] {
    void* all =
        ::mmap(nullptr, 2 * kGuard + kMostShared, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) Die("no memory");
    auto* const begin = static_cast<unsigned char*>(all) + kGuard;
    if (::mprotect(begin, kMostShared, PROT_READ | PROT_WRITE) != 0) Die("no memory");
    return begin + kMostShared;
  }();
  return end;
}

}  // namespace

void SetOrder(Order new_order) { order = new_order; }

namespace {
constinit thread_local LaunchLog* launch_log = nullptr;
}  // namespace

LaunchLog::LaunchLog() { launch_log = this; }
LaunchLog::~LaunchLog() { launch_log = nullptr; }

void RunBlocks(Index3 grid, int threads, size_t shared_bytes, const std::function<void(void*)>& thread) {
  if (launch_log != nullptr)
    launch_log->launches.push_back({int64_t{grid.x} * grid.y * grid.z, threads, static_cast<int64_t>(shared_bytes)});
  const size_t taken = (shared_bytes + kAlignment - 1) / kAlignment * kAlignment;
  unsigned char* const shared = EndOfSharedMemory() - taken;
  block.threads = threads;
  block.thread = &thread;
  block.shared = shared;
  gridDim = grid;
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t b = order == Order::kForward ? i : blocks - 1 - i;
    blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                static_cast<unsigned>(b / grid.x / grid.y)};
    std::memset(shared, kFill, taken);
    RunBlock();
    for (size_t k = shared_bytes; k < taken; ++k)
      if (shared[k] != kFill) Die("memory behind a block's shared memory was written");
  }
}

void Enqueue(const Execution& execution, const std::function<void()>& kernel) {
  auto* const guarded = dynamic_cast<GuardedDevice*>(&execution.device);
  guarded != nullptr ? guarded->Do(kernel) : kernel();
}

void* ScratchOf(const Execution& execution, size_t bytes) {
  thread_local std::shared_ptr<unsigned char[]> scratch;
  scratch.reset(new unsigned char[bytes]);
  std::memset(scratch.get(), kFill, bytes);
  if (auto* const guarded = dynamic_cast<GuardedDevice*>(&execution.device)) guarded->KeepForRecording(scratch);
  return scratch.get();
}

void CheckAligned(const void* address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) Die("memory was read or written that is not aligned");
}

void __syncthreads() { Wait(State::kAtBlockBarrier); }
void __syncwarp(unsigned) { Wait(State::kAtWarpBarrier); }
int LaneOfThread() { return block.current % 32; }

void ShowInWarp(const void* value) {
  block.deposits[static_cast<size_t>(block.current)] = value;
  __syncwarp();
}
const void* ShownByLane(int lane) {
  const int thread = block.current / 32 * 32 + lane;
  if (thread >= block.threads) Die("a lane was asked for that the warp does not have");
  return block.deposits[static_cast<size_t>(thread)];
}

}  // namespace riffle::emulated
