#include "cli/interruption.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <iterator>

namespace riffle {
namespace {

struct SignalName {
  int signal;
  std::string_view text;
};
constexpr SignalName kSignals[] = {{SIGINT, "SIGINT (Ctrl-C)"},
                                   {SIGTERM, "SIGTERM"},
                                   {SIGHUP, "SIGHUP"},
                                   {SIGUSR1, "SIGUSR1"},
                                   {SIGUSR2, "SIGUSR2"},
                                   {SIGXCPU, "SIGXCPU"},
                                   {SIGPIPE, "SIGPIPE (nobody reads its output any more)"}};

constexpr int64_t kOneRequestNs = 1'000'000'000;

std::atomic<int> noted = 0;
std::atomic<int64_t> noted_at_ns = 0;
static_assert(std::atomic<int64_t>::is_always_lock_free, "a signal handler may touch nothing else");

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);  // which a signal handler may call
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

extern "C" void Note(int signal) {
  int none = 0;
  if (noted.compare_exchange_strong(none, signal)) {
    noted_at_ns = NowNs();
    return;
  }
  if (NowNs() - noted_at_ns < kOneRequestNs) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // ends the process once this handler returns
}

}  // namespace

SignalWatch::SignalWatch() {
  noted_at_ns = NowNs();
  noted = 0;
  for (const SignalName& name : kSignals) {
    struct sigaction before;
    sigaction(name.signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = Note;
    action.sa_flags = SA_RESTART;  // what is being read or written goes on
    sigaction(name.signal, &action, nullptr);
    before_.emplace_back(name.signal, before);
  }
}

SignalWatch::~SignalWatch() {
  for (const auto& [signal, before] : before_) sigaction(signal, &before, nullptr);
}

int NotedSignal() { return noted; }

std::string_view SignalText(int signal) {
  const auto* name = std::ranges::find(kSignals, signal, &SignalName::signal);
  return name == std::end(kSignals) ? "a signal" : name->text;
}

}  // namespace riffle
