// What a network is, as data: everything needed to rebuild it, and all of it travels with every weight file.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ops/common.h"

namespace riffle {

/// Which of two permutations the channel shuffle is (paper, Section 3.1). n = channels / groups.
enum class ShuffleDirection {
  kPaper,  ///< reshape (g, n), transpose: output channel i·g + k is input channel k·n + i (paper, torchvision, ncnn)
  kInverse,  ///< reshape (n, g), transpose: output channel k·n + i is input channel i·g + k (Megvii, MindCV)
};

/// Where a unit shuffles. Both compute the same up to a permutation of the depthwise weights.
enum class ShufflePlace { kBeforeDepthwise, kAfterDepthwise };

/// Whose rows come first where a unit concatenates its pooled input and its own channels (paper, Figure 2c). No
/// permutation of the weights makes one of the other: the cut goes through a group of the next convolution.
enum class ConcatOrder { kShortcutFirst, kUnitFirst };

/// The points in which published ShuffleNetV1 implementations differ (docs/conventions.md).
struct Conventions {
  ShuffleDirection shuffle_direction = ShuffleDirection::kInverse;
  ShufflePlace shuffle_place = ShufflePlace::kBeforeDepthwise;
  PoolPadding pool_padding = PoolPadding::kSame;
  AverageDivisor average_divisor = AverageDivisor::kTruePixels;
  ConcatOrder concat_order = ConcatOrder::kShortcutFirst;
  bool operator==(const Conventions&) const = default;
};

/// One row of the table of published conventions; "mindcv" is the default.
struct NamedConventions {
  std::string_view name;
  Conventions conventions;
};
extern const std::array<NamedConventions, 5> kConventions;

/// The row of a name, or with these conventions; null if there is none.
const NamedConventions* FindConventions(std::string_view name);
const NamedConventions* FindConventions(const Conventions& conventions);

/// The first layers. Any image size from 8 px up works with both.
enum class Stem {
  kImagenet,  ///< 3×3 convolution with stride 2, then max-pool: 224 px become 56
  kSmall,     ///< 3×3 convolution with stride 1, no pool: for pictures of about 32 px
};

struct ModelDescription {
  std::string name;           ///< the zoo's name: "shufflenet_v1_g3_x0_5"
  int groups = 3;             ///< of the pointwise group convolutions (paper, Table 1)
  int stem_channels = 24;     ///< outputs of the first convolution
  int stage2_channels = 240;  ///< outputs of stage 2; each later stage has twice as many
  int num_classes = 1000;
  int in_channels = 3;   ///< 1 or 3
  int image_size = 224;  ///< pictures are image_size × image_size
  Stem stem = Stem::kImagenet;
  int stage2_stride = 2;  ///< of stage 2's first unit: 2, or 1 with the small stem
  Conventions conventions;
  bool head_bias = false;    ///< the head adds one number a class ("head.bias"), as MMPretrain's and pytorchcv's do
  double bn_eps = 1e-5;      ///< added to the variance
  double bn_momentum = 0.9;  ///< share of the old running statistics that is kept at each step (MindSpore's meaning)
  bool operator==(const ModelDescription&) const = default;

  /// Channels between a unit's two pointwise convolutions: a quarter of its outputs (paper, Section 3.2), rounded up to
  /// a multiple of the groups, which changes none of the widths that Megvii or MindCV publish.
  int BottleneckChannels(int unit_channels) const { return (unit_channels / 4 + groups - 1) / groups * groups; }
};

/// Units of stage 2, 3 and 4, the first of each with stride 2 (paper, Table 1).
inline constexpr std::array<int, 3> kUnitsOfStage = {4, 8, 4};

/// InvalidArgument if the numbers cannot make a network: sizes below 8 px, channels that groups do not divide, ...
Status Check(const ModelDescription& model);

/// The description as one JSON object, and back; unknown or missing keys and wrong types are errors that name the key.
std::string ToJson(const ModelDescription& model);
Result<ModelDescription> ModelFromJson(std::string_view json);

}  // namespace riffle
