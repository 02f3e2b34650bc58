// The instruction set that Highway kernels run on: by default the best that the machine has; RIFFLE_TARGET or
// ForceTarget choose another one, to compare them or to rule one out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// Names of the instruction sets that this build and this machine both have, the best one first: "avx512", "avx2",
/// "neon", and "baseline", which is what every machine of the architecture has.
std::vector<std::string> AvailableTargets();

/// The instruction set that kernels called from now on will use.
std::string ActiveTarget();

/// Makes kernels use this instruction set; "" goes back to the best one. InvalidArgument, listing the available ones,
/// if there is none of that name here. Not thread-safe against running kernels.
Status ForceTarget(std::string_view name);

/// Forces what the environment variable RIFFLE_TARGET names, if it is set and not empty, unless a ForceTarget is in
/// effect: the program's own choice wins. Thread-safe. Errors as ForceTarget's.
Status UseTargetOfEnvironment();

}  // namespace riffle
