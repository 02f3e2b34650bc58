// cpu::GroupConvForward where the moments of the stored rows are wanted: the training half.
#pragma once

#include "ops/group_conv/group_conv.h"

namespace riffle::cpu {

/// REQUIRES: moments are wanted.
void GroupConvForwardWithMoments(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float>&);

}  // namespace riffle::cpu
