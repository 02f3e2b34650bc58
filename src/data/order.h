// In which order an epoch visits the pictures.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace riffle {

/// A permutation of [0, size): a function of (seed, epoch) alone (Fisher-Yates). Without `shuffle` the identity.
/// REQUIRES: size < 2^32
std::vector<int64_t> EpochOrder(int64_t size, bool shuffle, uint64_t seed, int64_t epoch);

/// A permutation that reads files of many pictures one after another: the shards, which begin at `starts`, in random
/// order; their pictures pass through a buffer of `buffer` places, of which a random one is taken and filled with the
/// next. A picture never comes more than `buffer` places before its turn. REQUIRES: size < 2^32, buffer >= 1, starts
/// rise from 0
std::vector<int64_t> BufferedOrder(int64_t size, std::span<const int64_t> starts, int64_t buffer, uint64_t seed,
                                   int64_t epoch);

/// Repeated augmentation (Hoffer et al., "Augment your batch"; Berman et al., "MultiGrain"): place k holds what was at
/// k / repeats, so that of as many places fewer pictures stand side by side that often. REQUIRES: repeats >= 1
void RepeatPictures(int repeats, std::vector<int64_t>& order);

}  // namespace riffle
