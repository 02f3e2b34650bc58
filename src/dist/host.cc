#include "dist/host.h"

#include <unistd.h>

#include <array>
#include <fstream>

namespace riffle {

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "an unnamed host";
}

std::string HostIdentity() {
  std::string boot;
  return std::ifstream("/proc/sys/kernel/random/boot_id") >> boot ? boot : HostName();
}

}  // namespace riffle
