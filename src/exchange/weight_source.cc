#include "exchange/weight_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "data/registry.h"

namespace riffle {
namespace {

constexpr std::array<std::string_view, 4> kTorchNorm = {"weight", "bias", "running_mean", "running_var"};
constexpr std::array<std::string_view, 6> kBranchMain = {"branch_main_1.0", "branch_main_1.1", "branch_main_2.0",
                                                         "branch_main_2.1", "branch_main_2.2", "branch_main_2.3"};

// Our own names, which all others are told from.
constexpr NameScheme kOurs = {.stem_conv = "stem.conv",
                              .stem_bn = "stem.bn",
                              .head = "head",
                              .unit = "stage{stage}.{unit}",
                              .cells = {"conv1", "bn1", "depthwise", "bn2", "conv3", "bn3"},
                              .norm = {"gamma", "beta", "running_mean", "running_variance"}};

constexpr std::array<WeightSource, 6> kSources = {{
    {.name = "riffle", .title = "Riffle", .conventions = "mindcv", .names = kOurs},
    // mindspore-lab/mindcv, mindcv/models/shufflenetv1.py
    {.name = "mindcv",
     .title = "MindCV",
     .conventions = "mindcv",
     .names = {.stem_conv = "first_conv.0",
               .stem_bn = "first_conv.1",
               .head = "classifier",
               .unit = "features.{number}",
               .cells = kBranchMain,
               .norm = {"gamma", "beta", "moving_mean", "moving_variance"}}},
    // megvii-model/ShuffleNet-Series, ShuffleNetV1/network.py, train.py
    {.name = "megvii",
     .title = "Megvii",
     .conventions = "megvii",
     .names = {.stem_conv = "first_conv.0",
               .stem_bn = "first_conv.1",
               .head = "classifier.0",
               .unit = "features.{number}",
               .cells = kBranchMain,
               .norm = kTorchNorm},
     .bgr = true,
     .raw_pixels = true},
    // open-mmlab/mmpretrain, mmpretrain/models/backbones/shufflenet_v1.py
    {.name = "mmpretrain",
     .title = "MMPretrain",
     .conventions = "mmpretrain",
     .names = {.stem_conv = "backbone.conv1.conv",
               .stem_bn = "backbone.conv1.bn",
               .head = "head.fc",
               .unit = "backbone.layers.{stage}.{unit}",
               .cells = {"g_conv_1x1_compress.conv", "g_conv_1x1_compress.bn", "depthwise_conv3x3_bn.conv",
                         "depthwise_conv3x3_bn.bn", "g_conv_1x1_expand.conv", "g_conv_1x1_expand.bn"},
               .norm = kTorchNorm,
               .first_stage = 0},
     .head_bias = true},
    // osmr/imgclsmob, pytorch/pytorchcv/models/shufflenet.py
    {.name = "pytorchcv",
     .title = "pytorchcv",
     .conventions = "pytorchcv",
     .names = {.stem_conv = "features.init_block.conv",
               .stem_bn = "features.init_block.bn",
               .head = "output",
               .unit = "features.stage{stage}.unit{unit}",
               .cells = {"compress_conv1", "compress_bn1", "dw_conv2", "dw_bn2", "expand_conv3", "expand_bn3"},
               .norm = kTorchNorm,
               .first_stage = 1,
               .first_unit = 1},
     .head_bias = true},
    // The names that torchvision's ShuffleNetV2 (pytorch/vision, torchvision/models/shufflenetv2.py) would give to a
    // ShuffleNetV1, which it has not: for export, and to read that again.
    {.name = "torchvision",
     .title = "torchvision",
     .conventions = "paper",
     .names = {.stem_conv = "conv1.0",
               .stem_bn = "conv1.1",
               .head = "fc",
               .unit = "stage{stage}.{unit}",
               .cells = {"branch2.0", "branch2.1", "branch2.3", "branch2.4", "branch2.5", "branch2.6"},
               .norm = kTorchNorm}},
}};

std::string UnitName(const NameScheme& names, size_t stage, int unit) {
  int number = unit;
  for (size_t before = 0; before < stage; ++before) number += kUnitsOfStage[before];
  return fmt::format(fmt::runtime(names.unit), fmt::arg("number", number),
                     fmt::arg("stage", static_cast<int>(stage) + names.first_stage),
                     fmt::arg("unit", unit + names.first_unit));
}

/// What `names` calls the part that we call `part`; "" if it is none.
std::string PartAt(const NameScheme& names, std::string_view part) {
  if (part == kOurs.stem_conv) return std::string(names.stem_conv);
  if (part == kOurs.stem_bn) return std::string(names.stem_bn);
  if (part == kOurs.head) return std::string(names.head);
  for (size_t stage = 0; stage < kUnitsOfStage.size(); ++stage)
    for (int unit = 0; unit < kUnitsOfStage[stage]; ++unit) {
      const std::string ours = UnitName(kOurs, stage, unit) + '.';
      if (!part.starts_with(ours)) continue;
      const auto* const cell = std::ranges::find(kOurs.cells, part.substr(ours.size()));
      if (cell == kOurs.cells.end()) return "";
      return fmt::format("{}.{}", UnitName(names, stage, unit), names.cells[cell - kOurs.cells.begin()]);
    }
  return "";
}

}  // namespace

std::span<const WeightSource> WeightSources() { return kSources; }

const WeightSource* FindWeightSource(std::string_view name) {
  const auto* const found = std::ranges::find(kSources, name, &WeightSource::name);
  return found == kSources.end() ? nullptr : found;
}

std::string NameAt(const WeightSource& source, std::string_view our_name) {
  const size_t dot = our_name.rfind('.');
  if (dot == std::string_view::npos) return "";
  const std::string_view our_part = our_name.substr(0, dot), tensor = our_name.substr(dot + 1);
  const auto* const norm = std::ranges::find(kOurs.norm, tensor);
  const bool is_norm = our_part.substr(our_part.rfind('.') + 1).starts_with("bn");
  const bool exists =
      is_norm ? norm != kOurs.norm.end() : tensor == "weight" || (tensor == "bias" && our_part == kOurs.head);
  const std::string part = exists ? PartAt(source.names, our_part) : "";
  if (part.empty()) return "";
  return fmt::format("{}.{}", part, is_norm ? source.names.norm[norm - kOurs.norm.begin()] : tensor);
}

Preprocessing PreprocessingOf(const WeightSource& source, int in_channels) {
  constexpr int kImageSize = 224;
  Preprocessing preprocessing = DefaultPreprocessing(**FindDataset("imagenet"), kImageSize, in_channels);
  if (source.raw_pixels) {
    preprocessing.mean.assign(in_channels, 0);
    preprocessing.std.assign(in_channels, 1);
  }
  return preprocessing;
}

}  // namespace riffle
