// The binary: hands its words to the command line and returns the exit code.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "cli/lost_pages.h"
#include "cli/run.h"
#include "report/terminal.h"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit of its size (ulimit -f) is then an error like a full disk
  riffle::TellLostPages();
  const std::vector<std::string> words(argv + 1, argv + argc);
  return riffle::RunCommandLine(words, {std::cout, riffle::TerminalWidth(STDOUT_FILENO)}, std::cerr);
}
