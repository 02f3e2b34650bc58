// In which order an epoch visits the pictures.
#pragma once

#include <cstdint>
#include <vector>

namespace riffle {

/// A permutation of [0, size): a function of (seed, epoch) alone (Fisher-Yates). Without `shuffle` the identity.
/// REQUIRES: size < 2^32
std::vector<int64_t> EpochOrder(int64_t size, bool shuffle, uint64_t seed, int64_t epoch);

}  // namespace riffle
