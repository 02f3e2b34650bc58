// The rows. Names, defaults (in settings.h) and meanings are those of MindCV's config.py unless the help says
// otherwise.
#include "settings/option_table.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "data/augment/erasing.h"
#include "data/augment/policy.h"
#include "data/loader.h"
#include "data/registry.h"
#include "exchange/pretrained.h"
#include "model/zoo.h"
#include "picture/resize.h"
#include "train/update/schedule.h"
#include "train/update/update_rules.h"

namespace riffle {
namespace {

Limits Any() { return {}; }
Limits AtLeast(double low) { return {.low = low}; }
Limits Above(double low) { return {.low = low, .low_is_excluded = true}; }
Limits Path() { return {.is_path = true}; }
Limits Within(double low, double high) { return {.low = low, .high = high}; }
Limits AboveUpTo(double low, double high) { return {.low = low, .high = high, .low_is_excluded = true}; }
Limits FromToBelow(double low, double high) { return {.low = low, .high = high, .high_is_excluded = true}; }
/// Text that a parser of the layer below understands; its message is the user's.
template <auto kParse>
Limits CheckedBy() {
  return {.check = [](std::string_view text) { return kParse(text).status(); }};
}
Limits OneOf(std::vector<std::string_view> choices) { return {.choices = std::move(choices)}; }
Limits AmpLevels() { return OneOf({"O0", "O1", "O2", "O3"}); }

std::vector<std::string_view> DatasetNames() {
  std::vector<std::string_view> names;
  for (const DatasetInfo& dataset : Datasets()) {
    names.push_back(dataset.name);
    names.insert(names.end(), dataset.aliases.begin(), dataset.aliases.end());
  }
  return names;
}

std::vector<std::string_view> FilterNames() {
  std::vector<std::string_view> names;
  for (const InterpolationName& filter : InterpolationNames()) names.push_back(filter.name);
  return names;
}

std::vector<std::string_view> OptimizerNames() {
  std::vector<std::string_view> names;
  for (const UpdateRule& rule : UpdateRules()) names.push_back(rule.name);
  return names;
}

std::vector<std::string_view> ScheduleNames() {
  std::vector<std::string_view> names;
  for (const Schedule& schedule : Schedules()) names.push_back(schedule.name);
  return names;
}

/// A file's name and a yes are what people try first.
Status CheckResume(std::string_view text) {
  Options scratch;
  if (ParseValue(*FindOption("resume"), text, scratch)) return {};
  if (ParseValue(*FindOption("shuffle"), text, scratch))
    return InvalidArgument("expected 'auto' to go on with the run in ckpt_save_dir, or '' for a new run, found '{}'",
                           text);
  const Result<std::string> path = ExpandHome(text);
  std::error_code ignored;
  const bool is_file = text.ends_with(".safetensors") || (path.ok() && std::filesystem::exists(*path, ignored));
  return InvalidArgument("expected 'auto', which goes on after the newest checkpoint in ckpt_save_dir, found '{}'{}",
                         text,
                         is_file ? fmt::format("; to start from the weights of a file use --ckpt_path={}", text) : "");
}

Status CheckStart(std::string_view text) {
  if (text != "auto") return {};
  return InvalidArgument("expected a file, found 'auto'; --resume=auto goes on with the run in ckpt_save_dir");
}

Limits AResume() { return {.choices = {"", "auto"}, .check = CheckResume}; }
Limits AStart() { return {.is_path = true, .check = CheckStart}; }

/// Any publisher's, or one's.
Limits ASource() {
  Limits limits{.choices = {"", "any"}, .alone = "any"};
  for (const std::string_view source : PublishedSources()) limits.choices.push_back(source);
  return limits;
}

Limits AModel() {
  Limits limits{.choices_text = "a model that 'riffle models' lists"};
  for (const ZooEntry& entry : Zoo()) {
    limits.choices.push_back(entry.name);
    limits.choices.push_back(entry.alias);
  }
  return limits;
}

using enum OptionGroup;
using enum OnResume;
using O = Options;

std::vector<OptionRow> MakeTable() {
  return {
      {"config", kGeneral, &O::config, Path(), "YAML file of options (also -c); the command line overrides it", kFree},
      {"seed", kGeneral, &O::seed, AtLeast(0), "seed of the initial weights, the shuffling and the augmentation",
       kBetweenEpochs},
      {"device_target", kGeneral, &O::device_target, OneOf({"auto", "CPU", "GPU", "Ascend"}),
       "what computes; auto: a GPU where there is one", kFree},
      {"device_id", kGeneral, &O::device_id, AtLeast(0),
       "which GPU, of those that CUDA_VISIBLE_DEVICES leaves; None for the first, and of several processes on a host "
       "for one each",
       kFree},
      {"nccl", kGeneral, &O::nccl, OneOf({"auto", "on", "off"}),
       "whether GPUs of several processes sum gradients by NCCL; auto: where all find it, else by MPI", kFree},
      {"threads", kGeneral, &O::threads, Within(0, 4096), "threads that compute; 0 for the cores this process may use",
       kFree},
      {"distribute", kGeneral, &O::distribute, Any(),
       "whether several processes train together; None for as many as a launcher such as mpirun started", kFree},

      {"dataset", kDataset, &O::dataset, OneOf(DatasetNames()),
       "dataset; 'imagenet', 'folder' and '' read class folders"},
      {"data_dir", kDataset, &O::data_dir, Path(), "folder at or below which the dataset lies"},
      {"train_split", kTrainPictures, &O::train_split, Any(), "split to train on"},
      {"val_split", kValPictures, &O::val_split, Any(), "split to validate on"},
      {"dataset_download", kDownload, &O::dataset_download, Any(),
       "fetch mnist, fashion_mnist, cifar10 or cifar100 to data_dir if it is not there", kFree},
      {"dataset_url", kDownload, &O::dataset_url, Any(),
       "folder of a mirror to fetch from; '' for the publisher and its mirrors", kFree},
      {"dataset_checksums", kDownload, &O::dataset_checksums, Path(),
       "file of md5 sums, as md5sum writes it, for a mirror that packs anew; '' for the published sums", kFree},
      {"num_parallel_workers", kBatches, &O::num_parallel_workers, Within(0, kMaxLoaderWorkers),
       "threads that read and transform pictures; 0 for the cores this process may use", kFree},
      {"shuffle", kTrainPictures, &O::shuffle, Any(), "shuffle the training pictures anew in each epoch",
       kBetweenEpochs},
      {"num_samples", kTrainPictures, &O::num_samples, AtLeast(1), "use only so many training pictures; None for all",
       kBetweenEpochs},
      {"batch_size", kBatches, &O::batch_size, Within(1, 65536), "pictures in a batch of each process", kBetweenEpochs},
      {"drop_remainder", kData, &O::drop_remainder, Any(), "leave out a last training batch that is not full",
       kBetweenEpochs},
      {"max_unreadable_share", kData, &O::max_unreadable_share, Within(0, 1),
       "share of the training pictures that may be unreadable: they are named and replaced; more, or 0 and one, is an "
       "error",
       kFree},
      {"allow_incomplete", kValPictures, &O::allow_incomplete, Any(),
       "validate on pictures that are cut off or damaged, too, as far as they go: they are named; otherwise one is an "
       "error"},
      {"shuffle_buffer", kData, &O::shuffle_buffer, AtLeast(0),
       "read shards one after another and shuffle among so many pictures; 0 shuffles all of them", kBetweenEpochs},
      {"aug_repeats", kData, &O::aug_repeats, Within(0, 1024),
       "an epoch takes each of fewer pictures so often, augmented anew each time; 0 for once", kBetweenEpochs},
      {"device_data_mb", kData, &O::device_data_mb, Within(0, 1 << 20),
       "training sets of no more MB of pixels stay on a GPU: each picture goes up, and is decoded, once; 0 for none",
       kFree},

      {"image_resize", kPreprocessing, &O::image_resize, Within(8, 4096), "height and width that the network sees"},
      {"scale", kCrops, &O::scale, AboveUpTo(0, 1), "share of the area that a random resized crop takes"},
      {"ratio", kCrops, &O::ratio, Above(0), "width over height of a random resized crop"},
      {"hflip", kCrops, &O::hflip, Within(0, 1), "probability of a horizontal flip"},
      {"vflip", kCrops, &O::vflip, Within(0, 1), "probability of a vertical flip"},
      {"color_jitter", kAugmentation, &O::color_jitter, AtLeast(0),
       "strength of random brightness, contrast and saturation, off under auto_augment (but 3a); unless set, that of "
       "the dataset; None for 0"},
      {"auto_augment", kAugmentation, &O::auto_augment, CheckedBy<ParseAugmentPolicy>(),
       "policy of random operations: randaug-m7-n2-mstd0.5, autoaug, autoaugr, 3a, trivialaugwide, augmix-m5-w4-d2 and "
       "timm's rand, original, v0; None for none"},
      {"aug_splits", kTransforms, &O::aug_splits, Within(0, 16),
       "versions of each picture in a batch, the first without auto_augment; 0 for one, 3 for AugMix (docs/losses.md)"},
      {"re_prob", kErasing, &O::re_prob, Within(0, 1), "probability of random erasing"},
      {"re_scale", kErasing, &O::re_scale, AboveUpTo(0, 1), "share of the area that random erasing takes"},
      {"re_ratio", kErasing, &O::re_ratio, Above(0), "height over width of an erased rectangle"},
      {"re_value", kErasing, &O::re_value, CheckedBy<ParseErasingValue>(),
       "what an erased rectangle gets after normalisation: a number (0 is the mean), one per channel, or 'random'"},
      {"re_max_attempts", kErasing, &O::re_max_attempts, AtLeast(1),
       "rectangles that random erasing proposes until one fits"},
      {"interpolation", kPreprocessing, &O::interpolation, OneOf(FilterNames()), "filter of resizing"},
      {"exact_decode", kAugmentation, &O::exact_decode, Any(),
       "decode training pictures in full; False decodes at 1/2, 1/4 or 1/8 where that leaves pixels enough"},
      {"exif_orientation", kPreprocessing, &O::exif_orientation, Any(),
       "turn pictures as their EXIF orientation says; the checkpoint keeps it; otherwise as they lie in the file"},
      {"mean", kPreprocessing, &O::mean, Any(), "mean of each channel, 0 to 255; unless set, that of the dataset"},
      {"std", kPreprocessing, &O::std, Above(0),
       "deviation of each channel, 0 to 255; unless set, that of the dataset"},
      {"crop_pct", kPreprocessing, &O::crop_pct, AboveUpTo(0, 1),
       "share of the resized picture that the centre crop of validation keeps"},
      {"val_resize", kPreprocessing, &O::val_resize, Within(8, 4096),
       "height and width at validation and use, which the checkpoint records; None for image_resize", kFixed},
      {"resolution_schedule", kTransforms, &O::resolution_schedule, Any(),
       "train on pictures of other sizes: epoch:size pairs such as 0:128,60:160,80:224, the last one image_resize; '' "
       "for image_resize throughout"},

      {"model", kNetwork, &O::model, AModel(), "network", kFixed},
      {"num_classes", kNetwork, &O::num_classes, Within(1, 10000000), "outputs; None for the classes of the dataset",
       kFixed},
      {"in_channels", kNetwork, &O::in_channels, OneOf({"1", "3"}), "channels of a picture", kFixed},
      {"stem", kStructure, &O::stem, OneOf({"imagenet", "small"}),
       "first layers: stride-2 convolution and max-pool, or stride 1 and no pool, for pictures of about 32 px", kFixed},
      {"stage2_stride", kStructure, &O::stage2_stride, OneOf({"1", "2"}),
       "stride of stage 2; 1 only with the small stem", kFixed},
      {"conventions", kStructure, &O::conventions, OneOf({"mindcv", "megvii", "paper", "mmpretrain", "pytorchcv"}),
       "which published implementation to agree with where they differ", kFixed},
      {"zero_init_residual", kModel, &O::zero_init_residual, Any(),
       "start each unit that adds its input as the identity; False starts as MindCV does", kStart},
      {"bn_eps", kModel, &O::bn_eps, Above(0), "what batch norm adds to the variance", kFixed},
      {"bn_momentum", kModel, &O::bn_momentum, Within(0, 1), "share of the old batch-norm statistics that a step keeps",
       kFixed},

      {"ckpt_path", kWeights, &O::ckpt_path, AStart(),
       "weights to start from or to use: a checkpoint, or a file of MindSpore, PyTorch, ONNX or safetensors", kStart},
      {"ckpt_key", kWeights, &O::ckpt_key, Any(),
       "of several networks in that file the one under this key, such as state_dict_ema; the likeliest unless set",
       kStart},
      {"pretrained", kWeights, &O::pretrained, ASource(),
       "published ImageNet weights of the model, fetched once ('riffle models --pretrained'); a name chooses the "
       "publisher",
       kStart},
      {"pretrained_url", kWeights, &O::pretrained_url, Any(),
       "mirror that has their files: a URL or a folder; also RIFFLE_PRETRAINED_URL", kFree},
      {"resume_opt", kCheckpoints, &O::resume_opt, Any(),
       "go on where the run of ckpt_path was, with its optimizer, epoch and step; otherwise a new run starts from its "
       "weights",
       kStart},
      {"resume", kCheckpoints, &O::resume, AResume(), "'auto' continues from the newest checkpoint in ckpt_save_dir",
       kFree},
      {"ckpt_save_dir", kCheckpoints, &O::ckpt_save_dir, Path(), "folder for checkpoints, logs and the options used",
       kPlace},
      {"ckpt_save_interval", kCheckpoints, &O::ckpt_save_interval, AtLeast(1), "epochs from one checkpoint to the next",
       kFree},
      {"ckpt_save_steps", kCheckpoints, &O::ckpt_save_steps, AtLeast(0),
       "also save within epochs, each time so many batches of the run are done; 0 for not", kFree},
      {"ckpt_save_minutes", kCheckpoints, &O::ckpt_save_minutes, AtLeast(0),
       "also save within epochs, so many minutes after the last checkpoint; 0 for not", kFree},
      {"ckpt_save_policy", kCheckpoints, &O::ckpt_save_policy, OneOf({"latest_k", "top_k", "all", "None"}),
       "checkpoints to keep beside the best one: the newest, those with the best validation top-1 (and the newest), or "
       "all; None is all, too",
       kStays},
      {"keep_checkpoint_max", kCheckpoints, &O::keep_checkpoint_max, AtLeast(1),
       "how many checkpoints latest_k and top_k keep", kStays},

      {"epoch_size", kTraining, &O::epoch_size, AtLeast(1), "epochs to train"},
      {"max_minutes", kTraining, &O::max_minutes, AtLeast(0),
       "end the run with a checkpoint after so many minutes, those of all its parts; 0 for no limit", kFree},
      {"opt", kTraining, &O::opt, OneOf(OptimizerNames()), "optimizer"},
      {"momentum", kTraining, &O::momentum, FromToBelow(0, 1), "momentum of sgd, momentum, nesterov and rmsprop"},
      {"use_nesterov", kTraining, &O::use_nesterov, Any(), "Nesterov's form of sgd and momentum"},
      {"betas", kTraining, &O::betas, FromToBelow(0, 1),
       "decay of the averages that adam, adamw, nadam, lion, rmsprop, lamb and adan keep; None for the usual ones"},
      {"eps", kTraining, &O::eps, AtLeast(0),
       "what adaptive optimizers add to the root that they divide by; None for the usual: 1e-8, lamb 1e-6, rmsprop "
       "and adagrad 1e-10"},
      {"weight_decay", kTraining, &O::weight_decay, AtLeast(0),
       "L2 coefficient; adamw, lion, lamb and adan shrink the weights beside the gradient"},
      {"weight_decay_filter", kTraining, &O::weight_decay_filter, OneOf({"disable", "auto", "norm_and_bias"}),
       "'disable' decays all parameters, 'auto' and 'norm_and_bias' leave out batch norm and biases"},
      {"layer_decay", kTraining, &O::layer_decay, AboveUpTo(0, 1),
       "factor on the learning rate from each unit to the one below it: the head learns fastest; None for 1"},
      {"freeze", kTraining, &O::freeze, OneOf({"", "body"}), "'body' trains the head alone"},
      {"gradient_accumulation_steps", kTraining, &O::gradient_accumulation_steps, AtLeast(1),
       "batches per update, which takes the mean of their gradients", kBetweenEpochs},
      {"clip_grad", kTraining, &O::clip_grad, Any(), "clip the gradients by their global norm"},
      {"clip_value", kTraining, &O::clip_value, Above(0), "norm at which clip_grad clips"},
      {"on_nan", kTraining, &O::on_nan, OneOf({"stop", "skip", "rollback"}),
       "where a loss is not a finite number: end the run, leave the update out, or also go back to the weights of the "
       "newest checkpoint"},
      {"ema", kTraining, &O::ema, Any(), "keep a moving average of the weights; it is validated and used", kFixed},
      {"ema_decay", kTraining, &O::ema_decay, FromToBelow(0, 1),
       "share of the old average that an update keeps; smaller during the first few thousand"},
      {"bn_recalibration", kTraining, &O::bn_recalibration, AtLeast(0),
       "batches over which batch-norm statistics are averaged anew after the last epoch; 0 for none"},
      {"amp_level", kTraining, &O::amp_level, AmpLevels(),
       "O0: maps and products in fp32; O1 to O3: on a GPU maps and their products in bfloat16 with sums in fp32, "
       "weights "
       "and optimizer in fp32"},
      {"tf32", kTraining, &O::tf32, Any(),
       "at level O0, on a GPU: products of maps round their factors to TF32, ten bits, for tensor cores"},
      {"sync_bn", kTraining, &O::sync_bn, Any(),
       "batch norm sees the pictures of a step at all processes; otherwise those of its own"},

      {"scheduler", kSchedule, &O::scheduler, OneOf(ScheduleNames()), "learning rate after the warm-up"},
      {"lr", kSchedule, &O::lr, AtLeast(0), "highest learning rate"},
      {"scale_lr", kSchedule, &O::scale_lr, Any(),
       "multiply lr and min_lr by the number of processes: the pictures of a step, divided by batch_size"},
      {"min_lr", kSchedule, &O::min_lr, AtLeast(0),
       "learning rate at which cosine, polynomial and linear decay, one_cycle and cyclic end"},
      {"warmup_epochs", kSchedule, &O::warmup_epochs, AtLeast(0), "epochs of linear warm-up"},
      {"warmup_factor", kSchedule, &O::warmup_factor, Within(0, 1), "share of lr at which the warm-up starts"},
      {"decay_epochs", kSchedule, &O::decay_epochs, AtLeast(1),
       "epochs of a cosine cycle, a polynomial or linear decay, or a step; None for all after the warm-up, divided by "
       "num_cycles, or by three for step_decay"},
      {"decay_rate", kSchedule, &O::decay_rate, Above(0),
       "factor of each step of step_decay and multi_step_decay, and of each epoch of exponential_decay; power of "
       "polynomial_decay"},
      {"multi_step_decay_milestones", kSchedule, &O::multi_step_decay_milestones, AtLeast(0),
       "epochs after the warm-up at which multi_step_decay steps"},
      {"num_cycles", kSchedule, &O::num_cycles, AtLeast(1), "cycles of cosine_decay and cyclic"},
      {"cycle_decay", kSchedule, &O::cycle_decay, AboveUpTo(0, 1), "factor on the peak from one cycle to the next"},
      {"lr_epoch_stair", kSchedule, &O::lr_epoch_stair, Any(), "change the learning rate between epochs only"},

      {"loss", kLabelLoss, &O::loss, OneOf({"CE", "BCE"}),
       "cross-entropy of the softmax, or binary cross-entropy of each class"},
      {"label_smoothing", kLabelLoss, &O::label_smoothing, FromToBelow(0, 1),
       "share of the label spread over all classes"},
      {"class_weights", kLabelLoss, &O::class_weights, Any(),
       "what each class counts in the loss: a number for each, or 'balanced' for the inverse of its pictures"},
      {"reduction", kLoss, &O::reduction, OneOf({"mean", "sum"}),
       "minimise the mean over the batch, or the sum; of BCE over the classes, too"},
      {"mixup", kLoss, &O::mixup, AtLeast(0), "alpha of Mixup, which blends pictures and their labels; 0 for none"},
      {"cutmix", kLoss, &O::cutmix, AtLeast(0),
       "alpha of CutMix, which pastes boxes of other pictures; 0 for none; with mixup, either by chance"},
      {"cutmix_prob", kLoss, &O::cutmix_prob, Within(0, 1), "probability that a batch is mixed, by Mixup or CutMix"},
      {"teacher_ckpt", kLoss, &O::teacher_ckpt, Path(), "checkpoint of a network to learn from, too (docs/losses.md)"},
      {"distill_type", kLoss, &O::distill_type, OneOf({"plain", "decoupled"}),
       "divergence from the teacher: of the whole prediction, or of its class and the others apart"},
      {"distill_weight", kLoss, &O::distill_weight, Within(0, 1),
       "share of the teacher in the loss; labels have the rest"},
      {"distill_temperature", kLoss, &O::distill_temperature, Above(0), "temperature of both softmaxes"},
      {"distill_alpha", kLoss, &O::distill_alpha, AtLeast(0), "decoupled: factor of the divergence of the class"},
      {"distill_beta", kLoss, &O::distill_beta, AtLeast(0), "decoupled: factor of the divergence of the others"},

      {"val_while_train", kReport, &O::val_while_train, Any(), "validate during training and keep the best checkpoint"},
      {"val_interval", kReport, &O::val_interval, AtLeast(1), "epochs from one validation to the next", kFree},
      {"patience", kReport, &O::patience, AtLeast(0),
       "end the run after so many validations in a row whose top-1 is no better than the best; 0 for not"},
      {"val_amp_level", kValidation, &O::val_amp_level, AmpLevels(), "the same of validation", kFree},
      {"tta_flip", kValidation, &O::tta_flip, Any(),
       "test-time flip: average the logits of each picture and its mirror image"},
      {"log_interval", kValidation, &O::log_interval, AtLeast(1), "batches from one line of progress to the next",
       kFree},
  };
}

}  // namespace

std::span<const OptionRow> OptionTable() {
  static const std::vector<OptionRow> table = MakeTable();
  return table;
}

const OptionRow* FindOption(std::string_view name) {
  const std::span<const OptionRow> table = OptionTable();
  const auto row = std::ranges::find(table, name, &OptionRow::name);
  return row == table.end() ? nullptr : &*row;
}

bool OptionSet::Contains(const OptionRow& row) const {
  return std::ranges::count(groups, row.group) > 0 || std::ranges::count(names, row.name) > 0;
}

bool OptionSet::Contains(std::string_view name) const {
  const OptionRow* row = FindOption(name);
  return row != nullptr && Contains(*row);
}

OptionSet AllOptions() {
  OptionSet all;
  for (const OptionRow& row : OptionTable()) all.names.push_back(row.name);
  return all;
}

std::string Negated(std::string_view name) {
  if (!name.starts_with("no")) return "";
  name.remove_prefix(2);
  if (name.starts_with('-') || name.starts_with('_')) name.remove_prefix(1);
  std::string rest(name);
  std::ranges::replace(rest, '-', '_');
  return rest;
}

std::string NoFlag(const OptionRow& row) {
  return fmt::format("{} is no yes-or-no option: leave it out, or give its value", row.name);
}

std::string_view Title(OptionGroup group) {
  switch (group) {
    case kGeneral:
      return "General";
    case kDataset:
    case kDownload:
    case kTrainPictures:
    case kValPictures:
    case kBatches:
    case kData:
      return "Data";
    case kPreprocessing:
    case kCrops:
    case kAugmentation:
    case kErasing:
    case kTransforms:
      return "Transforms";
    case kNetwork:
    case kStructure:
    case kModel:
      return "Model";
    case kWeights:
    case kCheckpoints:
      return "Checkpoints";
    case kTraining:
      return "Training";
    case kSchedule:
      return "Learning rate";
    case kLabelLoss:
    case kLoss:
      return "Loss";
    case kReport:
    case kValidation:
      return "Validation and report";
    case kAccepted:
      return "Without effect here, for files of MindCV's";
  }
  return "";
}

}  // namespace riffle
