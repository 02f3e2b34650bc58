#include "cli/lost_pages.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

namespace riffle {
namespace {

constexpr int kDamagedFileExitCode = 4;  // as ExitCodes() has it (run.h)

void Tell(int signal, siginfo_t* info, void* /*context*/) {
  constexpr std::string_view kText =
      "riffle: error: a file that is mapped into memory lost pages that were being read: a pack of pictures was cut "
      "off or its disk failed meanwhile ('riffle data check' names it), or /dev/shm is full\n";
  if (info->si_code != BUS_ADRERR) {  // comes again when this returns, and is then the system's
    ::signal(signal, SIG_DFL);
    return;
  }
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(kDamagedFileExitCode);
}

}  // namespace

void TellLostPages() {
  struct sigaction action {};
  action.sa_sigaction = Tell;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace riffle
