// `riffle validate`: a checkpoint's accuracy on a dataset.
#include "cli/command.h"

namespace riffle {
namespace {

Status RequireCheckpoint(const Options& options) {
  if (options.ckpt_path.empty()) {
    return InvalidArgument(
        "option ckpt_path: expected the checkpoint to validate, found nothing; add --ckpt_path=FILE");
  }
  return {};
}

Status Run(const Invocation& invocation, const Console&) {
  RIFFLE_TRY(RequireCheckpoint(invocation.settings.options));
  return Unavailable("this build cannot validate yet");
}

}  // namespace

Command ValidateCommand() {
  return {
      .name = "validate",
      .summary = "measures a checkpoint on a dataset: top-1, top-5, loss",
      .options = {"config",     "threads",         "dataset",       "data_dir", "val_split",     "num_parallel_workers",
                  "batch_size", "image_resize",    "interpolation", "mean",     "std",           "crop_pct",
                  "model",      "num_classes",     "in_channels",   "stem",     "stage2_stride", "conventions",
                  "ckpt_path",  "label_smoothing", "log_interval"},
      .own_options = {{.name = "json",
                       .value_name = "FILE",
                       .help = "write top1_percent, top5_percent, loss, images, images_per_second there"}},
      .examples =
          {{"validate --dataset=cifar10 --data_dir=data --ckpt_path=ckpt/shufflenet_v1_g3_x0_5-best.safetensors",
            "the checkpoint knows its network and its preprocessing"}},
      .run = Run,
  };
}

}  // namespace riffle
