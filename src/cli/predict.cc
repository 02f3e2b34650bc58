// `riffle predict`: the classes of pictures.
#include "cli/command.h"

namespace riffle {
namespace {

Status Run(const Invocation& invocation, const Console&) {
  if (invocation.arguments.empty()) {
    return InvalidArgument(
        "expected pictures to classify, found none; write 'riffle predict PICTURE... --ckpt_path=FILE'");
  }
  if (invocation.settings.options.ckpt_path.empty()) {
    return InvalidArgument("option ckpt_path: expected the checkpoint to use, found nothing; add --ckpt_path=FILE");
  }
  return Unavailable("this build cannot predict yet");
}

}  // namespace

Command PredictCommand() {
  return {
      .name = "predict",
      .summary = "names what pictures show, with probabilities",
      .options = {"threads", "ckpt_path"},
      .own_options = {{.name = "json",
                       .value_name = "",
                       .help = "one object a line: file, predictions (an array of class, index, probability)"}},
      .argument_name = "PICTURE...",
      .examples = {{"predict cat.jpg dog.png --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "the five likeliest classes of each"}},
      .run = Run,
  };
}

}  // namespace riffle
