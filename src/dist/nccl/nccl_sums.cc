#include "dist/nccl/nccl_sums.h"

#include <array>
#include <chrono>
#include <optional>
#include <utility>

namespace riffle::nccl {
namespace {

using std::chrono::milliseconds;

constexpr auto kLookEvery = milliseconds(100);

/// ncclCommInitRank, in a thread of its own: it waits for all ranks, and one of them may have failed.
struct Beginning {
  std::mutex mutex;
  std::optional<Status> outcome;
  Comm comm = nullptr;
};

}  // namespace

Result<std::unique_ptr<Sums>> Sums::Create(std::shared_ptr<const Library> library, Communicator& world,
                                           const std::function<void()>& use_card) {
  UniqueId id;
  RIFFLE_TRY(world.Agree(world.first() ? library->Check(library->get_unique_id(&id)) : Status()));
  RIFFLE_TRY(world.Broadcast(std::as_writable_bytes(std::span(&id, 1))));

  const auto beginning = std::make_shared<Beginning>();
  std::thread([=, ranks = world.size(), rank = world.rank()] {
    use_card();
    Comm comm = nullptr;
    Status outcome = library->Check(library->init_rank(&comm, ranks, id, rank));
    const std::lock_guard lock(beginning->mutex);
    beginning->comm = comm;
    beginning->outcome = std::move(outcome);
  }).detach();
  for (;;) {
    Status own;
    std::array<int64_t, 2> begins_and_failed = {1, 0};
    {
      const std::lock_guard lock(beginning->mutex);
      if (beginning->outcome) own = *beginning->outcome, begins_and_failed = {0, own.ok() ? 0 : 1};
    }
    RIFFLE_TRY(world.Sum(begins_and_failed));
    const auto [begin, failed] = begins_and_failed;
    if (failed > 0) return world.Agree(own);
    if (begin == 0) break;
    std::this_thread::sleep_for(kLookEvery / 10);
  }
  return std::unique_ptr<Sums>(new Sums(std::move(library), beginning->comm, use_card));
}

Sums::Sums(std::shared_ptr<const Library> library, Comm comm, std::function<void()> use_card)
    : library_(std::move(library)), use_card_(std::move(use_card)), comm_(comm), watch_([this] { Watch(); }) {}

Sums::~Sums() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watch_.join();
  if (comm_ != nullptr) library_->destroy(comm_);
}

void Sums::Sum(void* values, size_t count, DataType type, Stream stream) {
  const std::lock_guard lock(mutex_);
  if (!status_.ok()) return;
  status_ = library_->Check(library_->all_reduce(values, values, count, type, Operation::kSum, comm_, stream));
  if (!status_.ok()) changed_.notify_all();
}

Status Sums::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

// To abort is this thread's: it ends what waits at once, but returns only when no recording has sums of the
// communicator any more, and those are let go of by whoever learns of the error.
void Sums::Watch() {
  use_card_();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kLookEvery, [&] { return stopping_ || !status_.ok(); })) {
    Error later = Error::kSuccess;
    const Error now = library_->async_error(comm_, &later);
    if (later == Error::kInProgress) later = Error::kSuccess;
    status_ = library_->Check(now != Error::kSuccess ? now : later);
  }
  if (status_.ok()) return;
  const Comm broken = std::exchange(comm_, nullptr);
  lock.unlock();
  library_->abort(broken);
}

}  // namespace riffle::nccl
