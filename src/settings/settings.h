// The options of a run, under MindCV's names and with its meaning: their values, where each came from, the YAML file
// that sets them and the YAML record that a run leaves. Help, ranges and choices stand in option_table.cc; a new option
// is one field here and one row there.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/description.h"

namespace riffle {

/// Each field is an option of the same name; its initialiser is the default, MindCV's where MindCV has the option. An
/// empty std::optional is `None`. What an option means is its line of help in option_table.cc.
struct Options {
  // General
  std::string config = "";
  int64_t seed = 42;
  std::string device_target = "auto";
  std::optional<int64_t> device_id = std::nullopt;
  std::string nccl = "auto";
  std::string amp_level = "O0";
  std::string val_amp_level = "O0";
  bool tf32 = false;
  int threads = 0;  ///< 0: see ResolveAutomatic
  std::optional<bool> distribute = std::nullopt;

  // Data
  std::string dataset = "imagenet";
  std::string data_dir = "./";
  std::string train_split = "train";
  std::string val_split = "val";
  bool dataset_download = false;
  std::string dataset_url = "";
  std::string dataset_checksums = "";
  int num_parallel_workers = 0;  ///< 0: see ResolveAutomatic
  bool shuffle = true;
  std::optional<int64_t> num_samples = std::nullopt;
  int batch_size = 128;
  bool drop_remainder = true;
  double max_unreadable_share = 0.01;
  bool allow_incomplete = false;
  int64_t shuffle_buffer = 0;
  int aug_repeats = 0;
  int64_t device_data_mb = 1024;

  // Transforms
  int image_resize = 224;
  std::array<double, 2> scale = {0.08, 1.0};
  std::array<double, 2> ratio = {0.75, 1.333};
  double hflip = 0.5;
  double vflip = 0.0;
  std::optional<double> color_jitter = 0.4;
  std::string auto_augment = "";
  int aug_splits = 0;
  double re_prob = 0.0;
  std::array<double, 2> re_scale = {0.02, 0.33};
  std::array<double, 2> re_ratio = {0.3, 3.3};
  std::string re_value = "0";
  int re_max_attempts = 10;
  std::string interpolation = "bilinear";
  bool exact_decode = false;
  bool exif_orientation = false;
  std::vector<double> mean = {123.675, 116.28, 103.53};
  std::vector<double> std = {58.395, 57.12, 57.375};
  double crop_pct = 0.875;
  std::optional<int> val_resize = std::nullopt;
  std::string resolution_schedule = "";

  // Model
  std::string model = "shufflenet_v1_g3_x1_0";
  std::optional<int> num_classes = std::nullopt;
  int in_channels = 3;
  std::string stem = "imagenet";
  int stage2_stride = 2;
  std::string conventions = "mindcv";
  bool zero_init_residual = true;
  double bn_eps = 1e-5;
  double bn_momentum = 0.9;

  // Checkpoints
  std::string ckpt_path = "";
  std::string ckpt_key = "";
  std::string pretrained = "";  ///< "any" or a source of PublishedSources(); "": no
  std::string pretrained_url = "";
  bool resume_opt = false;
  std::string resume = "";
  std::string ckpt_save_dir = "./ckpt";
  int ckpt_save_interval = 1;
  int64_t ckpt_save_steps = 0;
  double ckpt_save_minutes = 0.0;
  std::string ckpt_save_policy = "latest_k";
  int keep_checkpoint_max = 10;

  // Optimizer
  int epoch_size = 90;
  double max_minutes = 0.0;
  std::string opt = "adam";
  double momentum = 0.9;
  bool use_nesterov = false;
  std::optional<std::vector<double>> betas = std::nullopt;
  std::optional<double> eps = std::nullopt;
  double weight_decay = 1e-6;
  std::string weight_decay_filter = "disable";
  std::optional<double> layer_decay = std::nullopt;
  std::string freeze = "";
  int gradient_accumulation_steps = 1;
  bool clip_grad = false;
  double clip_value = 15.0;
  std::string on_nan = "stop";
  bool ema = false;
  double ema_decay = 0.9999;
  int bn_recalibration = 0;
  bool sync_bn = false;

  // Learning rate
  std::string scheduler = "cosine_decay";
  double lr = 0.001;
  bool scale_lr = false;
  double min_lr = 1e-6;
  int warmup_epochs = 3;
  double warmup_factor = 0.0;
  std::optional<int> decay_epochs = std::nullopt;  ///< None: see ResolveAutomatic
  double decay_rate = 0.9;
  std::vector<double> multi_step_decay_milestones = {30, 60, 90};
  int num_cycles = 1;
  double cycle_decay = 1.0;
  bool lr_epoch_stair = false;

  // Loss
  std::string loss = "CE";
  double label_smoothing = 0.0;
  std::string class_weights = "";
  std::string reduction = "mean";
  double mixup = 0.0;
  double cutmix = 0.0;
  double cutmix_prob = 1.0;
  std::string teacher_ckpt = "";
  std::string distill_type = "plain";
  double distill_weight = 0.5;
  double distill_temperature = 4.0;
  double distill_alpha = 1.0;
  double distill_beta = 8.0;

  // Validation and report
  bool val_while_train = false;
  int val_interval = 1;
  int patience = 0;
  bool tta_flip = false;
  int log_interval = 100;

  bool operator==(const Options&) const = default;
};

/// The origin of an option that was typed.
inline constexpr std::string_view kCommandLine = "command line";

/// Options, and where those stood that are not at their default.
struct Settings {
  Options options;
  std::map<std::string, std::string, std::less<>> accepted;  ///< values of options that do nothing (AcceptedOptions)
  std::map<std::string, std::string, std::less<>> origins;   ///< option -> "command line", "recipe.yaml line 7"

  /// Whether a file or the command line gave this option a value, be it the default one.
  bool IsSet(std::string_view name) const { return origins.contains(name); }

  /// Gives option `name` the value that `text` spells. InvalidArgument names the option and its origin, what was
  /// expected and found, and the nearest name or choice.
  Status Set(std::string_view name, std::string_view text, const std::string& origin);
};

/// Sets what a YAML file of `option: value` lines says. Errors: as Settings::Set, with the file and line; NotFound.
Status ReadOptionsFile(const std::filesystem::path& path, Settings& settings);
/// The same from text; `name` stands for the file in messages.
Status ReadOptionsYaml(const std::string& yaml, const std::string& name, Settings& settings);

/// The option threads, or where it is 0 the cores that the process may use (DefaultThreads).
int ThreadsOf(const Options& options);

/// Puts numbers in the place of `auto`: threads and num_parallel_workers become the cores that the process may use,
/// decay_epochs the epochs after the warm-up, for cosine_decay divided by the cycles, for step_decay by three (at least
/// 1).
void ResolveAutomatic(Options& options);

/// All options but `config` as YAML, in the order of the table; ReadOptionsYaml reads it back to the same values.
std::string ToYaml(const Options& options);

/// Those of ImageNet: what num_classes = None stands for where there is no dataset to ask.
inline constexpr int kClassesWithoutData = 1000;

/// The network that the options ask for; `dataset_classes` counts when num_classes is None. Errors: NotFound for an
/// unknown model, InvalidArgument for numbers that make no network.
Result<ModelDescription> ModelFromOptions(const Options& options, int dataset_classes);

}  // namespace riffle
