#include "exchange/import_options.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "data/imagenet_classes.h"
#include "model/plan.h"

namespace riffle {
namespace {

std::string_view NameOf(const Conventions& conventions) {
  const NamedConventions* const row = FindConventions(conventions);
  return row == nullptr ? "of their own" : row->name;
}

/// "123.675,116.28,103.53"
std::string Numbers(const std::vector<float>& values) { return fmt::format("{}", fmt::join(values, ",")); }

std::string_view NameOf(Stem stem) { return stem == Stem::kSmall ? "small" : "imagenet"; }

/// "conventions paper instead of mindcv, mean 1,2,3 instead of 0,0,0": what differs.
std::string Changes(const CheckpointInfo& before, const CheckpointInfo& after) {
  std::string changes;
  const auto tell = [&](std::string_view what, const auto& was, const auto& is) {
    if (was != is) changes += fmt::format("{}{} {} instead of {}", changes.empty() ? "" : ", ", what, is, was);
  };
  const Preprocessing &took = before.preprocessing, &takes = after.preprocessing;
  tell("conventions", NameOf(before.model.conventions), NameOf(after.model.conventions));
  tell("stem", NameOf(before.model.stem), NameOf(after.model.stem));
  tell("stage2_stride", before.model.stage2_stride, after.model.stage2_stride);
  tell("image_resize", took.image_size, takes.image_size);
  tell("crop_pct", took.crop_pct, takes.crop_pct);
  tell("interpolation", NameOf(took.interpolation), NameOf(takes.interpolation));
  tell("mean", Numbers(took.mean), Numbers(takes.mean));
  tell("std", Numbers(took.std), Numbers(takes.std));
  if (before.classes != after.classes)
    changes += fmt::format("{}{} of classes instead of {}", changes.empty() ? "" : ", ",
                           Counted(static_cast<int64_t>(after.classes.size()), "name"),
                           before.classes.empty() ? "none" : "others");
  return changes;
}

/// What the user says of the network's structure.
Status ApplyStructure(const ImportOptions& options, ModelDescription* model) {
  if (options.conventions != "auto") {
    const NamedConventions* const row = FindConventions(options.conventions);
    if (row == nullptr) {
      std::vector<std::string_view> known = {"auto"};
      for (const NamedConventions& each : kConventions) known.push_back(each.name);
      return InvalidArgument("option conventions: expected {}, found {}", Enumerated(known, "or"),
                             Quoted(options.conventions));
    }
    model->conventions = row->conventions;
  }
  if (options.stem) model->stem = *options.stem;
  if (options.stage2_stride) model->stage2_stride = *options.stage2_stride;
  if (options.image_size) model->image_size = *options.image_size;
  return Check(*model);
}

/// The first convolution for pictures of red, green, blue.
void TurnColoursRound(const Parameter& stem, AlignedArray<float>* arena) {
  const int64_t colours = stem.shape[1], kernel = stem.shape[2] * stem.shape[3];
  for (int64_t out = 0; out < stem.shape[0]; ++out) {
    float* of_out = arena->data() + stem.offset + out * colours * kernel;
    std::swap_ranges(of_out, of_out + kernel, of_out + (colours - 1) * kernel);
  }
}

}  // namespace

Status Apply(const ImportOptions& options, CheckpointInfo* info, std::vector<std::string>* notes) {
  const CheckpointInfo before = *info;
  RIFFLE_TRY(ApplyStructure(options, &info->model));
  Preprocessing& preprocessing = info->preprocessing;
  if (options.image_size) preprocessing.image_size = *options.image_size;
  if (options.crop_pct) preprocessing.crop_pct = *options.crop_pct;
  if (options.interpolation) preprocessing.interpolation = *options.interpolation;
  if (!options.mean.empty()) preprocessing.mean = options.mean;
  if (!options.std.empty()) preprocessing.std = options.std;
  info->model.image_size = preprocessing.image_size;
  if (!options.classes.empty()) info->classes = options.classes;
  if (!info->classes.empty() && static_cast<int>(info->classes.size()) != info->model.num_classes)
    return InvalidArgument("{} of classes for a head of {}",
                           Counted(static_cast<int64_t>(info->classes.size()), "name"), info->model.num_classes);
  RIFFLE_TRY(Check(preprocessing));
  if (const std::string changes = Changes(before, *info); !changes.empty())
    notes->push_back("As the options say it: " + changes);
  return {};
}

Status TakeOrderOfColours(const ImportOptions& options, bool by_default, ImportedNetwork* network) {
  constexpr int kColours = 3;
  const int channels = network->info.model.in_channels;
  if (options.bgr && channels != kColours)
    return InvalidArgument("option channels: the network takes pictures of {}, which have no order of colours",
                           Counted(channels, "channel"));
  network->bgr = options.bgr.value_or(by_default) && channels == kColours;
  if (!network->bgr) return {};
  RIFFLE_ASSIGN(const Plan plan, MakePlan(network->info.model));
  TurnColoursRound(plan.registry.trainable()[0], &network->weights.values.trainable);
  network->notes.emplace_back(
      "Its first convolution took blue, green, red, and takes red, green, blue now; "
      "'riffle import --channels=rgb' if it did before");
  return {};
}

void AssumeImageNet(const WeightSource& source, CheckpointInfo* info) {
  info->preprocessing = PreprocessingOf(source, info->model.in_channels);
  if (info->model.num_classes == static_cast<int>(ImageNetClasses().size())) info->classes = ImageNetNames();
}

std::string Assumptions(const WeightSource& source, const CheckpointInfo& info, const ImportOptions& options) {
  std::vector<std::string> assumed;
  const Preprocessing& preprocessing = info.preprocessing;
  const bool assumes_order = !options.bgr && info.model.in_channels == 3;
  if (!options.image_size)
    assumed.push_back(fmt::format("pictures of {} × {} pixels", preprocessing.image_size, preprocessing.image_size));
  if (assumes_order) assumed.emplace_back(source.bgr ? "blue, green, red" : "red, green, blue");
  if (options.mean.empty()) assumed.push_back("mean " + Numbers(preprocessing.mean));
  if (options.std.empty()) assumed.push_back("std " + Numbers(preprocessing.std));
  if (options.classes.empty() && info.classes == ImageNetNames()) assumed.emplace_back("the classes of ImageNet");
  if (assumed.empty()) return "";
  std::string line = fmt::format(
      "Taken for granted, as the file does not say it: {}; 'riffle import' takes what it "
      "should be: --image_resize, --channels, --mean, --std, --classes",
      fmt::join(assumed, "; "));
  if (!source.bgr || !assumes_order) return line;
  const WeightSource& ours = *FindWeightSource("riffle");
  const Preprocessing trained_here = PreprocessingOf(ours, info.model.in_channels);
  return line + fmt::format(". Of a network that Riffle trained: --conventions={} --channels=rgb --mean={} --std={}",
                            ours.conventions, Numbers(trained_here.mean), Numbers(trained_here.std));
}

}  // namespace riffle
