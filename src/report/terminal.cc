#include "report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace riffle {

int TerminalWidth(int file_descriptor) {
  const char* kind = std::getenv("TERM");
  if (!isatty(file_descriptor) || (kind != nullptr && std::string_view(kind) == "dumb")) return 0;
  winsize size{};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;  // a serial line does not say
  return size.ws_col;
}

}  // namespace riffle
