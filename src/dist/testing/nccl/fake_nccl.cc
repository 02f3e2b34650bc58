// See fake_nccl.h. RIFFLE_FAKE_NCCL_VERSION is what it calls itself; with RIFFLE_FAKE_NCCL_LACKS_SUMS it has no
// ncclAllReduce.
#include "dist/testing/nccl/fake_nccl.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "dist/nccl/nccl_library.h"

#define RIFFLE_EXPORT extern "C" __attribute__((visibility("default")))

namespace riffle::nccl {
namespace {

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "NCCL of tests: %s\n", why);
  std::abort();
}

constexpr auto kSystemError = static_cast<Error>(2), kRemoteError = static_cast<Error>(6);

class Control : public FakeNccl {
 public:
  void Reset() override {
    const std::lock_guard lock(mutex);
    failing.clear();
    calls.clear();
    broken = false;
  }
  void FailAt(int rank, const std::string& function) override {
    const std::lock_guard lock(mutex);
    failing.insert({rank, function});
  }
  void BreakLinks() override {
    const std::lock_guard lock(mutex);
    broken = true;
  }
  std::vector<std::string> CallsOf(int rank) override {
    const std::lock_guard lock(mutex);
    return calls[rank];
  }

  /// Notes a call, and says what comes of it.
  Error Note(int rank, const std::string& function) {
    const std::lock_guard lock(mutex);
    calls[rank].push_back(function);
    return failing.contains({rank, function}) ? kSystemError : Error::kSuccess;
  }
  bool AreLinksBroken() {
    const std::lock_guard lock(mutex);
    return broken;
  }

 private:
  std::mutex mutex;
  std::set<std::pair<int, std::string>> failing;
  std::map<int, std::vector<std::string>> calls;
  bool broken = false;
};

// Never destroyed: threads may wait for ranks that never come.
Control& TheControl() {
  static auto& control = *new Control;
  return control;
}

/// Where the ranks of a communicator meet, once for each collective.
class Meeting {
 public:
  explicit Meeting(int size) : size_(size), values_(static_cast<size_t>(size)) {}

  /// Leaves the values as they are where `gives_up` says so before all have come. `recorded`: which recorded sum of
  /// its communicator it is; 0: it is not recorded.
  template <class T>
  void Sum(int rank, T* values, size_t count, int64_t recorded, const bool& gives_up) {
    std::unique_lock lock(mutex_);
    values_[static_cast<size_t>(rank)] = values;
    if (arrived_ > 0 && !gives_up && count * sizeof(T) != bytes_)
      Die("ranks sum different numbers of values: they do sums in different orders");
    if (arrived_ > 0 && !gives_up && recorded != recorded_)
      Die("some ranks do a sum that is not recorded, or was at another time, where others do one that is");
    bytes_ = count * sizeof(T);
    recorded_ = recorded;
    const int64_t mine = round_;
    if (++arrived_ == size_) {
      std::vector<T> sum(count, 0);
      for (const void* each : values_)
        for (size_t i = 0; i < count; ++i) sum[i] += static_cast<const T*>(each)[i];
      for (void* each : values_)
        if (count > 0) std::memcpy(each, sum.data(), count * sizeof(T));
      arrived_ = 0;
      ++round_;
    }
    changed_.notify_all();
    changed_.wait(lock, [&] { return round_ != mine || gives_up; });
  }
  void Wait(const bool& gives_up) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return gives_up; });
  }
  void Leave(bool& gives_up) {
    const std::lock_guard lock(mutex_);
    gives_up = true;
    changed_.notify_all();
  }

 private:
  const int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<void*> values_;
  int arrived_ = 0;
  int64_t round_ = 0, recorded_ = 0;
  size_t bytes_ = 0;
};

std::shared_ptr<Meeting> MeetingOf(const UniqueId& id, int size) {
  static auto& mutex = *new std::mutex;
  static auto& meetings = *new std::map<std::string, std::shared_ptr<Meeting>>;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Meeting>& meeting = meetings[id.bytes];
  if (!meeting) meeting = std::make_shared<Meeting>(size);
  return meeting;
}

}  // namespace

struct CommOfNccl {
  std::shared_ptr<Meeting> meeting;
  int rank = 0;
  bool aborted = false;
  int64_t recorded = 0;                                                  // sums so far
  std::shared_ptr<const bool> in_recordings = std::make_shared<bool>();  // each has one, too

  void WaitForRecordings() const {
    for (int tries = 0; in_recordings.use_count() > 1; ++tries) {
      if (tries == 3000) Die("a communicator has waited for 30 s for recordings to be gone that have its sums");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
};

RIFFLE_EXPORT FakeNccl* RiffleFakeNccl() { return &TheControl(); }

RIFFLE_EXPORT Error ncclGetVersion(int* version) {
  *version = RIFFLE_FAKE_NCCL_VERSION;
  return Error::kSuccess;
}
RIFFLE_EXPORT const char* ncclGetErrorString(Error error) {
  switch (static_cast<int>(error)) {
    case 2:
      return "unhandled system error";
    case 4:
      return "invalid argument";
    case 6:
      return "remote process exited or there was a network error";
    default:
      return "no error";
  }
}
RIFFLE_EXPORT Error ncclGetUniqueId(UniqueId* id) {
  static int count = 0;
  std::snprintf(id->bytes, sizeof(id->bytes), "communicator %d", ++count);
  return TheControl().Note(0, "ncclGetUniqueId");
}
RIFFLE_EXPORT Error ncclCommInitRank(CommOfNccl** comm, int ranks, UniqueId id, int rank) {
  if (const Error error = TheControl().Note(rank, "ncclCommInitRank"); error != Error::kSuccess) return error;
  *comm = new CommOfNccl{MeetingOf(id, ranks), rank};
  (*comm)->meeting->Sum<float>(rank, nullptr, 0, 0, (*comm)->aborted);  // waits for all
  return Error::kSuccess;
}
#ifndef RIFFLE_FAKE_NCCL_LACKS_SUMS
RIFFLE_EXPORT Error ncclAllReduce(const void* from, void* to, size_t count, DataType type, Operation operation,
                                  CommOfNccl* comm, Stream stream) {
  if (const Error error = TheControl().Note(comm->rank, "ncclAllReduce"); error != Error::kSuccess) return error;
  const bool is_double = type == DataType::kFloat64;
  if (from != to || (type != DataType::kFloat32 && !is_double) || operation != Operation::kSum || stream == nullptr)
    return static_cast<Error>(4);  // ncclInvalidArgument
  auto* const queue = static_cast<FakeStream*>(stream);
  const bool is_recorded = queue->IsRecorded();
  const int64_t number = is_recorded ? ++comm->recorded : 0;
  queue->Enqueue([=, token = is_recorded ? comm->in_recordings : nullptr] {
    Meeting& meeting = *comm->meeting;
    if (TheControl().AreLinksBroken())
      meeting.Wait(comm->aborted);
    else if (is_double)
      meeting.Sum(comm->rank, static_cast<double*>(to), count, number, comm->aborted);
    else
      meeting.Sum(comm->rank, static_cast<float*>(to), count, number, comm->aborted);
  });
  return Error::kSuccess;
}
#endif
RIFFLE_EXPORT Error ncclCommGetAsyncError(CommOfNccl*, Error* error) {
  *error = TheControl().AreLinksBroken() ? kRemoteError : Error::kSuccess;
  return Error::kSuccess;
}
RIFFLE_EXPORT Error ncclCommDestroy(CommOfNccl* comm) {
  const Error error = TheControl().Note(comm->rank, "ncclCommDestroy");
  comm->WaitForRecordings();
  delete comm;
  return error;
}
RIFFLE_EXPORT Error ncclCommAbort(CommOfNccl* comm) {  // which stays, since sums may wait
  static auto& mutex = *new std::mutex;
  static auto& aborted = *new std::vector<CommOfNccl*>;
  {
    const std::lock_guard lock(mutex);
    aborted.push_back(comm);
  }
  const Error error = TheControl().Note(comm->rank, "ncclCommAbort");
  comm->meeting->Leave(comm->aborted);
  comm->WaitForRecordings();
  return error;
}

}  // namespace riffle::nccl
