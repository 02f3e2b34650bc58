// cpu::GroupConvForward by blocks of pixels: for batches, whose maps are far larger than the caches, and where the
// moments of the stored rows are wanted.
#pragma once

#include "ops/group_conv/group_conv.h"

namespace riffle::cpu {

void GroupConvForwardByBlocks(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float>&);

}  // namespace riffle::cpu
