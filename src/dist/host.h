// The machine that this process runs on.
#pragma once

#include <string>

namespace riffle {

/// "node17"
std::string HostName();

/// The same for all processes that run on one kernel, containers too, whatever their hosts are called.
std::string HostIdentity();

}  // namespace riffle
