// Cores of a host, shared out among the processes that may use them.
#pragma once

#include <string>
#include <vector>

#include "dist/communicator.h"

namespace riffle {

/// The numbers of the cores that a process may use.
using CoreSet = std::vector<int>;

/// This process's affinity.
CoreSet OwnCores();

/// How many cores are one process's own, at least 1, if each core is shared equally among those that may use it: all
/// processes of the host, of which it is number `index`. `limit`: cores' worth of time that the host gives them
/// together, where that is less than there are cores.
int CoresOf(const std::vector<CoreSet>& processes, size_t index, int limit);

struct CoreShare {
  int cores = 1;     ///< CoresOf
  std::string note;  ///< a line for the user where the launcher leaves most of the host without work; else empty
};

/// Collective. `usable`: cores that this process could use if it were alone on its host.
Result<CoreShare> ShareCores(Communicator& ranks, int usable);

}  // namespace riffle
