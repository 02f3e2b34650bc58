// A file descriptor that is closed where its owner ends.
#pragma once

#include <unistd.h>

#include <utility>

namespace riffle {

struct Descriptor {
  int fd;  ///< below 0: none, as open() says it

  explicit Descriptor(int opened) : fd(opened) {}
  Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace riffle
