// The binary: hands its words to the command line and returns the exit code, or dies of the signal that it stands for.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "cli/run.h"
#include "report/terminal.h"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit of its size (ulimit -f) is then an error like a full disk
  const std::vector<std::string> words(argv + 1, argv + argc);
  const int exit_code = riffle::RunCommandLine(words, {std::cout, riffle::TerminalWidth(STDOUT_FILENO)}, std::cerr);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM})
    if (exit_code == riffle::kSignalExitCode + signal) {
      std::cout.flush();
      std::signal(signal, SIG_DFL);
      std::raise(signal);  // a shell shows the same code, and ends a loop only where Ctrl-C ended what ran in it
    }
  return exit_code;
}
