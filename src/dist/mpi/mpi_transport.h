// A transport over MPI. One thread of the process makes all calls of MPI; others leave it what they want exchanged.
#pragma once

#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "dist/roll_call.h"
#include "dist/transport.h"

namespace riffle {

class MpiTransport : public Transport {
 public:
  /// Begins MPI and waits until it has begun in all processes. Errors: as OpenMpiTransport (module.h).
  static Result<std::unique_ptr<Transport>> Open(const TransportOptions& options);
  /// Leaves, if that was not done yet, and ends MPI together with all others.
  ~MpiTransport() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void Exchange(int channel, const std::vector<Outgoing>& out, const std::vector<Incoming>& in) override;
  Farewell Leave(const Status& own) override;

 private:
  using Clock = std::chrono::steady_clock;

  /// An exchange that goes on. Its thread waits and keeps the bytes where they are.
  struct Running {
    int channel;
    const std::vector<Outgoing>& out;
    const std::vector<Incoming>& in;
    bool done = false;
    std::vector<MPI_Request> requests = {};
    std::vector<int> ranks = {};  // of each request, the other side
    int unfinished = 0;
    Clock::time_point begun = {};
    bool first = false;  // of all: others are there, but can they be reached?
  };

  /// A beat on its way. `bytes` holds still until it has arrived.
  struct BeatInFlight {
    MPI_Request request = MPI_REQUEST_NULL;
    std::string bytes;
  };

  explicit MpiTransport(const TransportOptions& options) : options_(options) {}

  // All below run in thread_.
  void Run();
  Status Begin();
  bool TakeWishes();
  void Start(Running& running);
  bool Advance(Running& running);
  void ReceiveBeats();
  void SendBeats();
  bool SendBeat(int to, const std::string& bytes);
  void Close();
  void CheckAllThere();
  Beat OwnBeat() const;
  void Check(int error);
  [[noreturn]] void End(std::optional<int> rank, const Status& why);

  const TransportOptions options_;
  int rank_ = 0, size_ = 1;

  std::mutex mutex_;  // of what both sides touch: the next six
  std::condition_variable wish_, news_;
  std::list<Running*> wishes_;
  std::optional<Status> begun_;      // set once MPI has begun, or cannot
  std::optional<Status> leaving_;    // set by Leave
  std::optional<Farewell> outcome_;  // set once all have left
  bool stop_ = false;

  MPI_Comm world_ = MPI_COMM_NULL;
  std::list<Running*> running_;
  std::vector<int64_t> exchanges_;  // begun, by channel
  std::optional<RollCall> roll_call_;
  std::vector<BeatInFlight> beats_;  // by the rank that they go to
  Clock::time_point beat_due_ = {}, check_due_ = {};
  std::optional<Status> left_;  // what this rank left with
  int told_ = 1;                // rank 0: the ranks below know that all have left
  bool closed_ = false;         // this one knows it
  std::thread thread_;          // last: it uses the rest
};

}  // namespace riffle
