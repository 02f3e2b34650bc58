// Commands that several processes run together.
#pragma once

#include <functional>
#include <string_view>

#include "cli/command.h"
#include "dist/communicator.h"

namespace riffle {

/// Runs `work` in every process that a launcher started together, by itself where none did. The cores of a host are
/// shared out among its processes. Rank 0 has the console, the others say nothing. The first error of any rank is told
/// once, by rank 0 with the name of the rank, and ends all; what the others return has no message.
Status RunTogether(const Console& console,
                   const std::function<Status(Communicator& ranks, const Console& console)>& work);

/// For a command that is one process's work: InvalidArgument where a launcher started several, which would all do it.
/// `what`: "riffle predict". Errors: those of FindLaunch.
Status RequireOneProcess(std::string_view what);

/// An error from before the ranks can talk, which most likely all have. Rank 0 has the first word, after which its
/// launcher ends the others; those that it does not end say it with their rank.
Status AfterRankZero(Status status);

}  // namespace riffle
