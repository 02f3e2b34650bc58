// What a stream is connected to.
#pragma once

namespace riffle {

/// Columns of the terminal behind a file descriptor; 0 if it is none (a file, a pipe, a dumb terminal).
int TerminalWidth(int file_descriptor);

}  // namespace riffle
