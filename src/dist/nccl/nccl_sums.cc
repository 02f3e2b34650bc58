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
  stopping_ = true;
  watch_.join();
  if (comm_ != nullptr) library_->destroy(comm_);
}

void Sums::Sum(std::span<float> values, Stream stream) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) return;
  Fail(library_->Check(library_->all_reduce(values.data(), values.data(), values.size(), DataType::kFloat32,
                                            Operation::kSum, comm_, stream)));
}

Status Sums::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Sums::Watch() {
  use_card_();
  while (!stopping_) {
    std::this_thread::sleep_for(kLookEvery);
    const std::lock_guard lock(mutex_);
    if (comm_ == nullptr) return;
    Error later = Error::kSuccess;
    const Error now = library_->async_error(comm_, &later);
    if (later == Error::kInProgress) later = Error::kSuccess;
    Fail(library_->Check(now != Error::kSuccess ? now : later));
  }
}

void Sums::Fail(const Status& why) {
  if (why.ok()) return;
  status_ = why;
  library_->abort(std::exchange(comm_, nullptr));
}

}  // namespace riffle::nccl
