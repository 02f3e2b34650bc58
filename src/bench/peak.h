// What the machine can do at best right now: the two roofs of a roofline. Clocks of shared machines swing within
// seconds, so both are measured anew beside whatever is compared with them.
#pragma once

#include <cstdint>

#include "backend/threads.h"

namespace riffle {

/// GFLOP/s of fp32 fused multiply-adds (two operations each) in independent chains, all in registers, on the
/// pool's threads with the vectors of ActiveTarget(): the widest that the machine has unless another target is forced.
/// Takes about `milliseconds`. The figure is what all threads did together over the time until the last was done, so a
/// core that others use lowers it as it lowers any other work.
double MeasurePeakGflops(ThreadPool& pool, double milliseconds);

/// GB/s (1e9 bytes) of updating memory in place, bytes read and written counted each, where every one of the
/// pool's threads goes over `bytes_per_thread` of its own again and again for about `milliseconds`.
double MeasureBandwidthGbps(ThreadPool& pool, int64_t bytes_per_thread, double milliseconds);

}  // namespace riffle
