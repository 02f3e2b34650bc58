// The implementations of ShuffleNetV1 whose weights are read and written: how each calls its tensors, which conventions
// its networks have and what they take as input. One row each; docs/weights.md tells of them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/description.h"
#include "picture/preprocessing.h"

namespace riffle {

/// How an implementation calls the parts of the network. A tensor's name is that of its part, a dot, and "weight",
/// "bias" or one of `norm`.
struct NameScheme {
  std::string_view stem_conv, stem_bn, head;
  std::string_view unit;                  ///< with {number} through all stages, or {stage} and {unit} (first_* below)
  std::array<std::string_view, 6> cells;  ///< of a unit: conv1, bn1, depthwise, bn2, conv3, bn3
  std::array<std::string_view, 4> norm;   ///< gamma, beta, running mean, running variance
  int first_stage = 2;                    ///< what our stage 2 is called
  int first_unit = 0;
};

struct WeightSource {
  std::string_view name;         ///< "mindcv"
  std::string_view title;        ///< "MindCV"
  std::string_view conventions;  ///< a row of kConventions
  NameScheme names;
  bool head_bias = false;   ///< its heads always have one; those of others mostly have none
  bool bgr = false;         ///< its networks take blue, green, red
  bool raw_pixels = false;  ///< of 0 to 255; otherwise normalised by ImageNet's mean and deviation
};

/// "riffle" (bare tensors under our names), "mindcv", "megvii", "mmpretrain", "pytorchcv", "torchvision".
std::span<const WeightSource> WeightSources();

/// The source of a name; null if there is none.
const WeightSource* FindWeightSource(std::string_view name);

/// "stage2.0.conv1.weight" → "features.0.branch_main_1.0.weight". Empty for a name that is none of ours.
std::string NameAt(const WeightSource& source, std::string_view our_name);

/// What its networks do to a picture before they see it: 224 px from the middle of 256, bilinear. One mean and
/// deviation a channel: of grey pictures, those of luminance.
Preprocessing PreprocessingOf(const WeightSource& source, int in_channels);

}  // namespace riffle
