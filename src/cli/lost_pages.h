// What a program does when a file that it has mapped into memory loses pages: base/mapped_file.h.
#pragma once

namespace riffle {

/// From now on such an access (SIGBUS for an address without a page) ends the process with a line on stderr and the
/// exit code of a damaged file, in place of a silent death. Other faults keep what the system does with them.
void TellLostPages();

}  // namespace riffle
