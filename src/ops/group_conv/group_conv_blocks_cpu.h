// cpu::GroupConvForward by blocks of pixels: for batches, whose maps are far larger than the caches, and where the
// moments of the stored rows are wanted.
#pragma once

#include <algorithm>

#include "ops/caches.h"
#include "ops/group_conv/group_conv.h"

namespace riffle::cpu {

/// Whether GroupConvForward goes by blocks.
constexpr bool RunsByBlocks(const GroupConvShape& shape, bool moments) {
  return moments || OutgrowsCaches(std::max(shape.in_channels, shape.out_channels) * shape.pixels);
}

void GroupConvForwardByBlocks(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float>&);

}  // namespace riffle::cpu
