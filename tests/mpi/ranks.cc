// One of several processes of a test: does by itself what the first word says, and prints what came of it.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <string_view>
#include <thread>

#include "dist/cores.h"
#include "dist/world.h"

namespace riffle {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Numbers whose sum in single precision depends on the order.
float NumberOf(int rank, size_t i) { return std::ldexp(static_cast<float>((i * 7919 + rank * 104729) % 2003), i % 30); }

/// Whether each collective does what communicator.h says: of nothing, of little, of more than one message.
Status Collectives(Communicator& ranks) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{1000}, size_t{1'000'003}}) {
    std::vector<float> values(count), expected(count), first(count);
    for (size_t i = 0; i < count; ++i) {
      values[i] = NumberOf(ranks.rank(), i);
      first[i] = NumberOf(0, i);
      for (int r = 0; r < ranks.size(); ++r) expected[i] += NumberOf(r, i);
    }
    std::vector<float> sum = values, broadcast = values, all(count * ranks.size());
    RIFFLE_TRY(ranks.Sum(sum));
    if (sum != expected) return DataLoss("the sum of {} values", count);
    RIFFLE_TRY(ranks.Broadcast(std::as_writable_bytes(std::span(broadcast))));
    if (broadcast != first) return DataLoss("the broadcast of {} values", count);
    RIFFLE_TRY(ranks.Gather(std::as_bytes(std::span(values)), std::as_writable_bytes(std::span(all))));
    for (int r = 0; r < ranks.size(); ++r)
      for (size_t i = 0; i < count; ++i)
        if (all[r * count + i] != NumberOf(r, i)) return DataLoss("value {} of rank {} of {}", i, r, count);
  }
  RIFFLE_ASSIGN(const std::vector<std::string> texts, ranks.GatherTexts(std::string(ranks.rank(), 'x')));
  for (int r = 0; r < ranks.size(); ++r)
    if (texts[r] != std::string(r, 'x')) return DataLoss("the text of rank {}", r);
  return {};
}

/// Two threads at once, each with a communicator of its own.
Status Threads(Communicator& ranks) {
  RIFFLE_ASSIGN(const std::unique_ptr<Communicator> other, ranks.Duplicate());
  const auto sum_often = [](Communicator& mine, int64_t times) -> Status {
    for (int64_t i = 0; i < times; ++i) {
      std::vector<int64_t> values(1 + i % 2 * 100'000, i);
      RIFFLE_TRY(mine.Sum(values));
      if (values.back() != i * mine.size()) return DataLoss("sum {}", i);
    }
    return {};
  };
  Status of_other;
  std::thread thread([&] { of_other = sum_often(*other, 50); });
  const Status own = sum_often(ranks, 70);
  thread.join();
  return own.ok() ? of_other : own;
}

/// More bytes than an int counts.
Status Large(Communicator& ranks) {
  std::vector<std::byte> values((size_t{1} << 31) + 12345, static_cast<std::byte>(ranks.first() ? 7 : 0));
  RIFFLE_TRY(ranks.Broadcast(values));
  for (const std::byte value : values)
    if (value != std::byte{7}) return DataLoss("a byte");
  return {};
}

/// Sums until a loss ends this process.
Status SumForever(Communicator& ranks) {
  for (;;) {
    std::vector<float> values(100'000);
    RIFFLE_TRY(ranks.Sum(values));
    std::this_thread::sleep_for(milliseconds(10));
  }
}

/// Rank 1 of these does something else while the others sum.
template <class F>
Status RankOneDoes(Communicator& ranks, const F& something) {
  std::vector<float> values(100'000);
  for (int i = 0; i < 20; ++i) RIFFLE_TRY(ranks.Sum(values));
  return ranks.rank() == 1 ? something() : SumForever(ranks);
}

/// Computes for so long that a rank which says nothing would be lost, then goes on.
Status Busy(Communicator& ranks) {
  const auto end = std::chrono::steady_clock::now() + seconds(ranks.first() ? 8 : 5);
  volatile double x = 1;
  while (std::chrono::steady_clock::now() < end) x = x * 1.000001;
  std::vector<double> values(10, 1);
  return ranks.Sum(values);
}

Status Do(std::string_view what, Communicator& ranks) {
  if (what == "collectives") return Collectives(ranks);
  if (what == "threads") return Threads(ranks);
  if (what == "large") return Large(ranks);
  if (what == "busy") return Busy(ranks);
  if (what == "sums") return SumForever(ranks);
  if (what == "killed") return RankOneDoes(ranks, []() -> Status { return raise(SIGKILL), Status(); });
  if (what == "stopped") return RankOneDoes(ranks, []() -> Status { return raise(SIGSTOP), Status(); });
  if (what == "first_stopped") {
    if (ranks.first()) raise(SIGSTOP);
    return SumForever(ranks);
  }
  if (what == "exits") return RankOneDoes(ranks, []() -> Status { std::_Exit(3); });
  if (what == "exits_well") return RankOneDoes(ranks, []() -> Status { std::_Exit(0); });
  if (what == "fails") return RankOneDoes(ranks, [] { return DataLoss("a picture is torn"); });
  if (what == "ends") return RankOneDoes(ranks, [] { return Status(); });
  if (what == "agree") return ranks.Agree(ranks.rank() == 1 ? DataLoss("a picture is torn") : Status());
  if (what == "first_is_late") {
    if (ranks.first()) std::this_thread::sleep_for(seconds(6));
    return {};
  }
  if (what == "places") {
    RIFFLE_ASSIGN(const std::vector<std::string> all,
                  ranks.GatherTexts(fmt::format("{}: {} of {}\n", ranks.NameOf(ranks.rank()), ranks.local_rank(),
                                                ranks.local_size())));
    for (const std::string& line : all)
      if (ranks.first()) fmt::print("{}", line);
    return {};
  }
  return InvalidArgument("there is no '{}'", what);
}

constexpr int kTold = 6;

/// words[1]: what to do; words[2]: another program than rank 0's.
int Main(std::span<char*> words) {
  const auto tell = [](const Status& why) {
    fmt::print(stderr, "lost: {}\n", why.message());
    return kTold;
  };
  const Result<std::optional<Launch>> launch = FindLaunch();
  const bool other = words.size() > 2 && launch.ok() && *launch && (*launch)->rank == 1;
  Result<std::unique_ptr<Communicator>> world =
      OpenWorld({.program = other ? words[2] : "ranks", .tell = tell, .patience = seconds(3)});
  if (!world.ok()) {
    fmt::print(stderr, "no world: {}\n", world.status().message());
    return 2;
  }
  const std::unique_ptr<Communicator> ranks = std::move(*world);
  const Status outcome = ranks->Leave(Do(words[1], *ranks));
  if (ranks->first())
    fmt::print(outcome.ok() ? stdout : stderr, "{} ranks: {}\n", ranks->size(),
               outcome.ok() ? "ok" : outcome.message());
  return outcome.ok() ? 0 : 5;
}

}  // namespace
}  // namespace riffle

int main(int argc, char** argv) { return riffle::Main({argv, static_cast<size_t>(argc)}); }
