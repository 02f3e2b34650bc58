// `riffle train`: trains a network.
#include "cli/command.h"
#include "train/option_table.h"

namespace riffle {
namespace {

Status Run(const Invocation& invocation, const Console&) {
  RIFFLE_TRY(CheckTogether(invocation.settings.options));
  return Unavailable("this build cannot train yet");
}

std::vector<std::string_view> AllOptions() {
  std::vector<std::string_view> names;
  for (const OptionRow& row : OptionTable()) names.push_back(row.name);
  return names;
}

}  // namespace

Command TrainCommand() {
  return {
      .name = "train",
      .summary = "trains a network on a dataset",
      .options = AllOptions(),
      .examples =
          {{"train --model=shufflenet_v1_g3_x0_5 --dataset=cifar10 --data_dir=data --image_resize=32 --stem=small "
            "--val_while_train",
            "from scratch on CIFAR-10, wherever it lies below data/, with a validation after each epoch"},
           {"train -c configs/cifar10.yaml data_dir=data epoch_size=20",
            "a recipe from a file, with two options of your own"},
           {"train --dataset=folder --data_dir=photos --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
            "fine-tunes on photos/train/CLASS/*.jpg"},
           {"train -c configs/cifar10.yaml --data_dir=data --resume auto",
            "goes on after the newest checkpoint in ckpt_save_dir"}},
      .run = Run,
  };
}

}  // namespace riffle
