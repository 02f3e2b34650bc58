#include "cli/interruption.h"

#include <algorithm>
#include <atomic>
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
                                   {SIGPIPE, "SIGPIPE (nobody reads its output any more)"}};

std::atomic<int> noted = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch nothing else");

extern "C" void Note(int signal) {
  if (noted.exchange(signal) == 0) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // ends the process once this handler returns
}

}  // namespace

SignalWatch::SignalWatch() {
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
