#include "model/description.h"

#include <algorithm>
#include <cmath>

namespace riffle {

const std::array<NamedConventions, 5> kConventions = {{
    {"mindcv",
     {ShuffleDirection::kInverse, ShufflePlace::kBeforeDepthwise, PoolPadding::kSame, AverageDivisor::kTruePixels}},
    {"megvii",
     {ShuffleDirection::kInverse, ShufflePlace::kAfterDepthwise, PoolPadding::kSymmetric, AverageDivisor::kNine}},
    {"paper",
     {ShuffleDirection::kPaper, ShufflePlace::kBeforeDepthwise, PoolPadding::kSymmetric, AverageDivisor::kNine}},
    {"mmpretrain",
     {ShuffleDirection::kPaper, ShufflePlace::kAfterDepthwise, PoolPadding::kSymmetric, AverageDivisor::kNine}},
    {"pytorchcv",
     {ShuffleDirection::kPaper, ShufflePlace::kBeforeDepthwise, PoolPadding::kSymmetric, AverageDivisor::kNine,
      ConcatOrder::kUnitFirst}},
}};

namespace {

template <class Field>
const NamedConventions* RowWith(const Field& value, Field NamedConventions::*field) {
  const auto* const row = std::ranges::find(kConventions, value, field);
  return row == kConventions.end() ? nullptr : row;
}

// Far beyond every published width; keeps products of channels, and what a hostile file makes us allocate, bounded.
constexpr int kMaxChannels = 8192;

Status InRange(const char* what, int value, int low, int high) {
  if (value >= low && value <= high) return {};
  return InvalidArgument("{}: expected a value from {} to {}, found {}", what, low, high, value);
}

// What the units' shapes ask of the channels (paper, Figure 2): each group convolution needs both its sides divisible.
Status CheckChannels(const ModelDescription& model) {
  const int groups = model.groups, stem = model.stem_channels, stage2 = model.stage2_channels;
  RIFFLE_TRY(InRange("stem_channels", stem, 1, kMaxChannels));
  RIFFLE_TRY(InRange("stage2_channels", stage2, 4, kMaxChannels));
  RIFFLE_TRY(InRange("groups", groups, 1, kMaxChannels));
  if (stage2 % groups != 0)
    return InvalidArgument("stage2_channels: expected a multiple of the {} groups, found {}", groups, stage2);
  if (stem >= stage2)
    return InvalidArgument(
        "stem_channels: expected fewer than the {} of stage 2, whose first unit concatenates them to its own, found {}",
        stage2, stem);
  if ((stage2 - stem) % groups != 0)
    return InvalidArgument(
        "stage2_channels less stem_channels: expected a multiple of the {} groups, found {} - {} = {}", groups, stage2,
        stem, stage2 - stem);
  return {};
}

}  // namespace

const NamedConventions* FindConventions(std::string_view name) { return RowWith(name, &NamedConventions::name); }

const NamedConventions* FindConventions(const Conventions& conventions) {
  return RowWith(conventions, &NamedConventions::conventions);
}

Status Check(const ModelDescription& model) {
  RIFFLE_TRY(CheckChannels(model));
  RIFFLE_TRY(InRange("num_classes", model.num_classes, 1, 1'000'000));
  if (model.in_channels != 1 && model.in_channels != 3)
    return InvalidArgument("in_channels: expected 1 (grey) or 3 (colour), found {}", model.in_channels);
  RIFFLE_TRY(InRange("image_size", model.image_size, 8, 8192));
  RIFFLE_TRY(InRange("stage2_stride", model.stage2_stride, 1, 2));
  if (model.stage2_stride == 1 && model.stem != Stem::kSmall)
    return InvalidArgument("stage2_stride: expected 2 with the imagenet stem, found 1; stride 1 needs the small stem");
  if (!(model.bn_eps > 0 && std::isfinite(model.bn_eps)))
    return InvalidArgument("bn_eps: expected a positive number, found {}", model.bn_eps);
  if (!(model.bn_momentum >= 0 && model.bn_momentum <= 1))
    return InvalidArgument("bn_momentum: expected a share from 0 to 1, found {}", model.bn_momentum);
  return {};
}

}  // namespace riffle
