// Signals that ask for the end of a long run: it ends at a place of its own choice.
#pragma once

#include <csignal>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace riffle {

/// While it lives, the first SIGINT, SIGTERM, SIGHUP or SIGPIPE, or what batch systems announce the end with (SIGUSR1,
/// SIGUSR2, SIGXCPU), is only noted; a second one ends the process at once. One within a second of the first is the
/// same request that arrived twice (from a wrapper and from its group) and does not count. Signals that were ignored
/// before (nohup) stay so. REQUIRES: one at a time.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  std::vector<std::pair<int, struct sigaction>> before_;
};

/// The signal that the last SignalWatch noted; 0: none. Thread-safe.
int NotedSignal();

/// "SIGINT (Ctrl-C)".
std::string_view SignalText(int signal);

}  // namespace riffle
