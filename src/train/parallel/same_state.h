// Processes that train together have the same state: it is given out by rank 0, and compared.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "dist/communicator.h"

namespace riffle {

/// The text of rank 0, at every rank. Collective. Errors: those of the communicator.
Result<std::string> BroadcastText(Communicator& world, std::string text);

/// A checkpoint whose bytes rank 0 has, or the error why it has none, at every rank. Collective. Errors: those of
/// Checkpoint::FromBytes, at every rank the same.
Result<Checkpoint> BroadcastCheckpoint(Communicator& world, Result<std::string> bytes);

/// InvalidArgument, at every rank the same, unless all say what rank 0 says: names the first that does not. `what` a
/// rank has otherwise: "training pictures". Collective.
Status CheckSame(Communicator& world, std::string_view own, std::string_view what);

/// Of values: what to compare.
std::string ChecksumOf(const Snapshot& snapshot);

/// DataLoss, at every rank the same, unless all have the bits of rank 0: names the first that has others. `when`:
/// "after epoch 3". Collective.
Status CheckSameState(Communicator& world, const Snapshot& own, std::string_view when);

}  // namespace riffle
