// Commands that several processes run together.
#pragma once

#include <functional>

#include "cli/command.h"
#include "dist/communicator.h"

namespace riffle {

/// Runs `work` in every process that a launcher started together, by itself where none did. The cores of a host are
/// shared out among its processes. Rank 0 has the console, the others say nothing. The first error of any rank is told
/// once, by rank 0 with the name of the rank, and ends all; what the others return has no message.
Status RunTogether(const Console& console,
                   const std::function<Status(Communicator& ranks, const Console& console)>& work);

}  // namespace riffle
