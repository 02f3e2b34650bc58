#include "cli/data_options.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"
#include "data/left_out.h"
#include "data/readers.h"
#include "data/split_names.h"

namespace riffle {
namespace {

/// The double that a person would write for this float: 123.675, not 123.67500305175781.
double Shortest(float value) { return ParseNumber<double>(fmt::format("{}", value)).value(); }

std::vector<double> Shortest(const std::vector<float>& values) {
  std::vector<double> doubles;
  for (float value : values) doubles.push_back(Shortest(value));
  return doubles;
}

/// "class 'bees'", "3 of 10 classes, such as 'bees'"; "" where each has some.
std::string ClassesWithoutPictures(const Dataset& data) {
  std::vector<bool> has_some(data.classes().size());
  for (int64_t i = 0; i < data.size(); ++i) has_some[data.label(i)] = true;
  std::string first;
  size_t count = 0;
  for (size_t k = 0; k < has_some.size(); ++k) {
    if (has_some[k] || data.classes()[k] == UnusedClass(static_cast<int>(k))) continue;
    if (count++ == 0) first = OneLine(data.classes()[k]);
  }
  if (count < 2) return count == 0 ? "" : fmt::format("class '{}'", first);
  return fmt::format("{} of {} classes, such as '{}'", count, has_some.size(), first);
}

/// Where packs hold less than validation resizes to, which is what training needs at least.
std::string SmallPack(const Dataset& data, const std::string& split, int image_size, double crop_pct) {
  const int needed = Preprocessing{.image_size = image_size, .crop_pct = crop_pct}.ResizedShortSide();
  const std::optional<int64_t> most = data.MostOfShorterSide();
  if (!most || *most >= needed) return "";
  return fmt::format(
      "The packs of '{}' have at most {} on the shorter side, fewer than the {} from which pictures of {} × {} are "
      "made: enlarging costs accuracy; if the originals are larger, pack them with --max_side {} or more",
      split, Counted(*most, "pixel"), needed, image_size, image_size, needed);
}

std::vector<float> Floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

}  // namespace

void UseDefaultsOf(const DatasetInfo& dataset, Settings& settings) {
  Options& o = settings.options;
  if (!settings.IsSet("in_channels")) o.in_channels = dataset.channels;
  const Preprocessing own = DefaultPreprocessing(dataset, o.image_resize, o.in_channels);
  if (!settings.IsSet("mean")) o.mean = Shortest(own.mean);
  if (!settings.IsSet("std")) o.std = Shortest(own.std);
  if (!settings.IsSet("crop_pct")) o.crop_pct = own.crop_pct;
  if (!settings.IsSet("hflip")) o.hflip = dataset.hflip;
  if (!settings.IsSet("color_jitter")) {
    const auto policy = ParseAugmentPolicy(o.auto_augment);  // the option's check has seen to it
    o.color_jitter = policy.ok() && *policy ? (*policy)->color_jitter : dataset.color_jitter;
  }
}

Result<Preprocessing> PreprocessingFrom(const Options& o) {
  RIFFLE_ASSIGN(const Interpolation interpolation, ParseInterpolation(o.interpolation));
  Preprocessing preprocessing = {.image_size = o.val_resize.value_or(o.image_resize),
                                 .channels = o.in_channels,
                                 .crop_pct = o.crop_pct,
                                 .interpolation = interpolation,
                                 .mean = Floats(o.mean),
                                 .std = Floats(o.std),
                                 .exif_orientation = o.exif_orientation};
  RIFFLE_TRY(Check(preprocessing));
  return preprocessing;
}

Result<Augmentation> AugmentationFrom(const Options& o, const DatasetInfo& dataset) {
  Augmentation augmentation = DefaultAugmentation(dataset);
  augmentation.scale = o.scale;
  augmentation.ratio = o.ratio;
  augmentation.hflip = o.hflip;
  augmentation.vflip = o.vflip;
  RIFFLE_ASSIGN(augmentation.policy, ParseAugmentPolicy(o.auto_augment));
  const bool jitters = !augmentation.policy || augmentation.policy->color_jitter > 0;
  augmentation.color_jitter = jitters ? o.color_jitter.value_or(0) : 0;
  augmentation.splits = std::max(1, o.aug_splits);
  augmentation.erasing = {
      .probability = o.re_prob, .scale = o.re_scale, .ratio = o.re_ratio, .max_attempts = o.re_max_attempts};
  RIFFLE_ASSIGN(augmentation.erasing.value, ParseErasingValue(o.re_value));
  augmentation.exact_decode = o.exact_decode;
  return augmentation;
}

DatasetOptions TrainDataset(const Options& o) {
  return {.name = o.dataset,
          .data_dir = o.data_dir,
          .split = o.train_split,
          .channels = o.in_channels,
          .num_samples = o.num_samples.value_or(0),
          .seed = static_cast<uint64_t>(o.seed),
          .exif_orientation = o.exif_orientation,
          .classes = {},
          .threads = ThreadsOf(o)};
}

DatasetOptions ValDataset(const Options& o, std::vector<std::string> classes) {
  return {.name = o.dataset,
          .data_dir = o.data_dir,
          .split = o.val_split,
          .channels = o.in_channels,
          .exif_orientation = o.exif_orientation,
          .classes = std::move(classes),
          .threads = ThreadsOf(o)};
}

LoaderOptions TrainLoader(const Options& o, const BatchPlace& place) {
  return {.batch_size = o.batch_size,
          .ranks = place.world.size(),
          .rank = place.world.rank(),
          .shuffle = o.shuffle,
          .drop_remainder = o.drop_remainder,
          .shuffle_buffer = o.shuffle_buffer,
          .aug_repeats = o.aug_repeats,
          .seed = static_cast<uint64_t>(o.seed),
          .workers = o.num_parallel_workers,
          .end_epoch = o.epoch_size,
          .max_unreadable_share = o.max_unreadable_share,
          .device = &place.device,
          .kept_bytes = o.device_data_mb * 1'000'000};
}

LoaderOptions ValLoader(const Options& o, const BatchPlace& place) {
  return {.batch_size = o.batch_size,
          .ranks = place.world.size(),
          .rank = place.world.rank(),
          .shuffle = false,
          .drop_remainder = false,
          .workers = o.num_parallel_workers,
          .allow_incomplete = o.allow_incomplete,
          .device = &place.device};
}

std::string WherePicturesAreMade(const Augmentation& augmentation, const Device& device, int64_t device_data_mb) {
  if (device.ReadsHostMemory()) return "";
  if (augmentation.policy) return "Pictures: the CPU decodes, crops and runs the policy, the GPU does the rest";
  std::string who = "Pictures: the CPU decodes, the GPU crops, resizes, colours, normalises and erases";
  if (device_data_mb == 0) return who;
  return fmt::format("{}; sets of up to {} MB of pixels stay there (--device_data_mb)", who, device_data_mb);
}

std::string UnusedClass(int label) { return fmt::format("unused {}", label); }

std::vector<std::string> NotesOn(const Dataset& data, const std::string& split, int image_size, double crop_pct) {
  std::vector<std::string> notes;
  if (!data.stand_in().empty())
    notes.push_back(fmt::format("There is no split '{}': '{}' is used", split, data.stand_in()));
  if (const std::vector<LeftOut> kinds = WithoutHarmless(data.left_out()); !kinds.empty())
    notes.push_back(fmt::format("Left out of '{}': {}", split, Described(kinds)));
  if (std::string missing = ClassesWithoutPictures(data); !missing.empty())
    notes.push_back(fmt::format("No pictures in split '{}': {}", split, missing));
  if (std::string small = SmallPack(data, split, image_size, crop_pct); !small.empty())
    notes.push_back(std::move(small));
  return notes;
}

std::string NarrowBufferNote(const Dataset& train, const Options& o) {
  if (!o.shuffle || o.shuffle_buffer == 0 || o.shuffle_buffer >= train.size()) return "";
  if (train.ShardStarts().size() > 1) return "";
  for (int64_t i = 1; i < train.size(); ++i)
    if (train.label(i) < train.label(i - 1)) return "";
  return fmt::format(
      "shuffle_buffer={}: the pictures lie class by class and not in shards, and batches get few classes at a time; 0 "
      "shuffles all of them",
      o.shuffle_buffer);
}

std::string Skipped(const std::string& why) { return "Skipped, another picture takes its place: " + why; }

Status RequireClasses(const Dataset& train, const Options& o) {
  if (train.classes().size() > 1) return {};
  return InvalidArgument("split '{}' has only one class, '{}', from which a network learns nothing{}", o.train_split,
                         OneLine(train.classes().front()), BelowTheOnlyClass(o.data_dir, o.train_split));
}

std::string SplitMeasured(const Dataset& data, const Options& o) {
  if (!data.stand_in().empty()) return data.stand_in();
  const auto info = FindDataset(o.dataset);
  if (!info.ok() || (*info)->splits.empty()) return UsualName(o.val_split);
  const auto split = FindSplit(**info, o.val_split);
  return split.ok() ? std::string((*split)->name) : o.val_split;
}

}  // namespace riffle
