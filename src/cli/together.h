// Commands that several processes run together.
#pragma once

#include <functional>
#include <string_view>

#include "cli/command.h"
#include "data/dataset.h"
#include "dist/communicator.h"

namespace riffle {

/// Runs `work` in every process that a launcher started together, by itself where none did. The cores of a host are
/// shared out among its processes. Rank 0 has the console, the others say nothing. The first error of any rank is told
/// once, by rank 0 with the name of the rank, and ends all; what the others return has no message.
Status RunTogether(const Console& console,
                   const std::function<Status(Communicator& ranks, const Console& console)>& work);

/// For a command that is one process's work: InvalidArgument where a launcher started several, which would all do it.
/// `what`: "riffle predict". Errors: those of FindLaunch; else as SaidByRankZero.
Status RequireOneProcess(std::string_view what);

/// An error of the words alone, which all processes that a launcher started have: rank 0 says it, that of the others
/// has no message.
Status SaidByRankZero(const Status& status);

/// Whether all processes see the same pictures, for a disk of each host may hold its own: InvalidArgument names the
/// first that does not. `what` they are: "training pictures". Nothing is read for one process. Collective.
Status CheckSamePictures(const Dataset& pictures, std::string_view what, Communicator& world);

}  // namespace riffle
