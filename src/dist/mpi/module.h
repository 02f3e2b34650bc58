// What the program finds in the module riffle_mpi.so, the only part of Riffle that knows MPI.
#pragma once

#include <memory>

#include "dist/transport.h"

namespace riffle {

inline constexpr const char* kOpenMpiTransport = "RiffleOpenMpiTransport";

/// The function of that name. Begins MPI; all ranks call it, at most once. Unavailable where MPI has not the threads
/// that are needed.
using OpenMpiTransport = void(const TransportOptions& options, Result<std::unique_ptr<Transport>>* transport);

}  // namespace riffle
