#include "dist/mpi/mpi_transport.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

#include "dist/mpi/launcher_process.h"

namespace riffle {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kBeatEvery = seconds(1);
constexpr auto kCheckEvery = milliseconds(100);
constexpr int kBeatTag = 0;
// MPI counts in int, so messages are cut into pieces; large ones, which its transport over TCP carries twice as fast.
constexpr size_t kPieceBytes = size_t{1} << 26;
// Waiting for others costs a quarter of a wait at most, and no core: the longer nothing happened, the longer the sleep.
constexpr auto kSpin = microseconds(200);
constexpr auto kLongestSleep = microseconds(500), kLongestIdleSleep = microseconds(5000);
constexpr auto kAbortWithin = seconds(10);

int TagOf(int channel) { return channel + 1; }

}  // namespace

Result<std::unique_ptr<Transport>> MpiTransport::Open(const TransportOptions& options) {
  std::unique_ptr<MpiTransport> transport(new MpiTransport(options));
  // Signals are for the threads that the program knows; those that MPI starts inherit this, too.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  transport->thread_ = std::thread([t = transport.get()] { t->Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::unique_lock lock(transport->mutex_);
  transport->news_.wait(lock, [&] { return transport->begun_.has_value(); });
  if (!transport->begun_->ok()) return *transport->begun_;
  return std::unique_ptr<Transport>(std::move(transport));
}

MpiTransport::~MpiTransport() {
  if (begun_->ok()) (void)Leave({});
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wish_.notify_one();
  thread_.join();
}

void MpiTransport::Exchange(int channel, const std::vector<Outgoing>& out, const std::vector<Incoming>& in) {
  Running running{channel, out, in};
  std::unique_lock lock(mutex_);
  wishes_.push_back(&running);
  wish_.notify_one();
  news_.wait(lock, [&] { return running.done; });
}

Transport::Farewell MpiTransport::Leave(const Status& own) {
  std::unique_lock lock(mutex_);
  if (!leaving_) leaving_ = own;
  wish_.notify_one();
  news_.wait(lock, [&] { return outcome_.has_value(); });
  return *outcome_;
}

Status MpiTransport::Begin() {
  int level = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
  if (level < MPI_THREAD_FUNNELED) {
    MPI_Finalize();
    return Unavailable("this MPI allows no threads beside it (MPI_THREAD_FUNNELED); use one that does");
  }
  MPI_Comm_dup(MPI_COMM_WORLD, &world_);
  MPI_Comm_set_errhandler(world_, MPI_ERRORS_RETURN);
  MPI_Comm_rank(world_, &rank_);
  MPI_Comm_size(world_, &size_);
  beats_.resize(size_);
  roll_call_.emplace(rank_, size_, options_.patience, Clock::now());
  return {};
}

void MpiTransport::Run() {
  Status begun = Begin();
  const bool ok = begun.ok();
  {
    const std::lock_guard lock(mutex_);
    begun_ = std::move(begun);
  }
  news_.notify_all();
  if (!ok) return;

  auto last_news = Clock::now();
  for (;;) {
    bool news = TakeWishes();
    for (Running* running : running_) news |= Advance(*running);
    {
      const std::lock_guard lock(mutex_);
      if (std::erase_if(running_, [](Running* r) { return r->unfinished == 0 && (r->done = true); }) > 0)
        news_.notify_all();
    }
    ReceiveBeats();
    SendBeats();
    CheckAllThere();
    if (news) last_news = Clock::now();
    const auto idle = Clock::now() - last_news;
    std::unique_lock lock(mutex_);
    if (stop_) break;
    if (!wishes_.empty()) continue;
    if (idle < kSpin) {
      lock.unlock();
      std::this_thread::yield();
      continue;
    }
    wish_.wait_for(lock, std::min<Clock::duration>(idle / 4, running_.empty() ? kLongestIdleSleep : kLongestSleep));
  }
  MPI_Comm_free(&world_);
  MPI_Finalize();
}

/// Whether there was one.
bool MpiTransport::TakeWishes() {
  std::list<Running*> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(wishes_);
    if (leaving_ && !left_) {
      left_ = leaving_;
      beat_due_ = {};
    }
  }
  for (Running* running : taken) Start(*running);
  running_.splice(running_.end(), taken);
  return !taken.empty();
}

void MpiTransport::Start(Running& running) {
  running.begun = Clock::now();
  running.first = exchanges_.empty();
  if (exchanges_.size() <= static_cast<size_t>(running.channel)) exchanges_.resize(running.channel + 1);
  ++exchanges_[running.channel];
  const auto in_pieces = [&](int rank, size_t bytes, const auto& start) {
    for (size_t begin = 0; begin < bytes; begin += kPieceBytes) {
      running.ranks.push_back(rank);
      Check(start(begin, static_cast<int>(std::min(kPieceBytes, bytes - begin)), &running.requests.emplace_back()));
    }
  };
  const int tag = TagOf(running.channel);
  for (const Incoming& in : running.in)
    in_pieces(in.from, in.bytes.size(), [&](size_t begin, int bytes, MPI_Request* request) {
      return MPI_Irecv(in.bytes.data() + begin, bytes, MPI_BYTE, in.from, tag, world_, request);
    });
  for (const Outgoing& out : running.out)
    in_pieces(out.to, out.bytes.size(), [&](size_t begin, int bytes, MPI_Request* request) {
      return MPI_Isend(out.bytes.data() + begin, bytes, MPI_BYTE, out.to, tag, world_, request);
    });
  running.unfinished = static_cast<int>(running.requests.size());
}

/// Whether some of it has been done since the last time.
bool MpiTransport::Advance(Running& running) {
  if (running.unfinished == 0) return true;
  std::vector<int> which(running.requests.size());
  int finished = 0;
  Check(MPI_Testsome(static_cast<int>(running.requests.size()), running.requests.data(), &finished, which.data(),
                     MPI_STATUSES_IGNORE));
  if (finished != MPI_UNDEFINED) running.unfinished -= finished;
  if (running.first && Clock::now() - running.begun > options_.patience) {
    const auto open = std::ranges::find_if(running.requests, [](MPI_Request r) { return r != MPI_REQUEST_NULL; });
    if (open != running.requests.end())
      End(running.ranks[open - running.requests.begin()],
          Unavailable("is not reached from rank {}: if its hosts have several networks, name the one that joins them: "
                      "mpirun --mca btl_tcp_if_include NETWORK",
                      rank_));
  }
  return finished > 0;
}

Beat MpiTransport::OwnBeat() const {
  Beat beat{.exchanges = exchanges_};
  if (left_) {
    beat.left = true;
    beat.farewell = {rank_, *left_};
  }
  return beat;
}

void MpiTransport::ReceiveBeats() {
  for (;;) {
    int there = 0;
    MPI_Message message;
    MPI_Status status;
    Check(MPI_Improbe(MPI_ANY_SOURCE, kBeatTag, world_, &there, &message, &status));
    if (!there) return;
    int bytes = 0;
    Check(MPI_Get_count(&status, MPI_BYTE, &bytes));
    std::string text(bytes, '\0');
    Check(MPI_Mrecv(text.data(), bytes, MPI_BYTE, &message, MPI_STATUS_IGNORE));
    roll_call_->Heard(status.MPI_SOURCE, Beat::FromBytes(text), Clock::now());
  }
}

/// False while the one before is still on its way.
bool MpiTransport::SendBeat(int to, const std::string& bytes) {
  BeatInFlight& beat = beats_[to];
  int arrived = 1;
  Check(MPI_Test(&beat.request, &arrived, MPI_STATUS_IGNORE));
  if (!arrived) return false;
  beat.bytes = bytes;
  Check(MPI_Isend(beat.bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, kBeatTag, world_, &beat.request));
  return true;
}

void MpiTransport::SendBeats() {
  const auto now = Clock::now();
  if (rank_ == 0 && now >= beat_due_) roll_call_->Heard(0, OwnBeat(), now);
  if (roll_call_->AllLeft()) {
    if (!closed_) Close();
    return;
  }
  if (now < beat_due_) return;
  bool sent = true;
  if (rank_ == 0)
    for (int r = 1; r < size_; ++r) SendBeat(r, Beat().ToBytes());
  else
    sent = SendBeat(0, OwnBeat().ToBytes());
  if (sent) beat_due_ = now + kBeatEvery;
}

/// Rank 0 tells all others how it ended, before it hears so itself.
void MpiTransport::Close() {
  const Beat last{.left = true, .farewell = roll_call_->Outcome()};
  for (; rank_ == 0 && told_ < size_; ++told_)
    if (!SendBeat(told_, last.ToBytes())) return;
  for (BeatInFlight& beat : beats_) Check(MPI_Wait(&beat.request, MPI_STATUS_IGNORE));
  closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    outcome_ = last.farewell;
  }
  news_.notify_all();
}

void MpiTransport::CheckAllThere() {
  const auto now = Clock::now();
  if (closed_ || now < check_due_) return;
  check_due_ = now + kCheckEvery;
  if (const std::optional<RollCall::Loss> loss = roll_call_->FindLoss(now)) End(loss->rank, loss->why);
}

void MpiTransport::Check(int error) {
  if (error == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING + 1> text = {};
  int length = 0;
  MPI_Error_string(error, text.data(), &length);
  End(std::nullopt, Unavailable("MPI: {}", text.data()));
}

void MpiTransport::End(std::optional<int> rank, const Status& why) {
  const int exit_code = options_.on_loss(rank, why);
  alarm(kAbortWithin.count());  // where MPI itself hangs
  EndLauncherAfter(kAbortWithin);
  MPI_Abort(world_, exit_code);
  std::_Exit(exit_code);
}

}  // namespace riffle
