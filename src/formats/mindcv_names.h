// The names that MindCV gives to the tensors of ShuffleNetV1 in its checkpoints.
#pragma once

#include <string>
#include <string_view>

namespace riffle {

/// "stage2.0.conv1.weight" → "features.0.branch_main_1.0.weight". Units are numbered through all stages; shapes are the
/// same, but a MindCV of 2023 or later stores a group convolution as one tensor a group (".convs.i.weight").
/// Empty for a name that is none of ours.
std::string MindCvName(std::string_view our_name);

}  // namespace riffle
