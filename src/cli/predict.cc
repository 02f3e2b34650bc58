// `riffle predict`: the classes of pictures.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/classifier.h"
#include "base/threads.h"
#include "cli/command.h"
#include "ops/backends.h"

namespace riffle {
namespace {

constexpr size_t kShown = 5;

std::string TextOf(const std::string& file, const std::vector<ClassProbability>& classes) {
  std::string text = file + '\n';
  for (const ClassProbability& c : classes) text += fmt::format("  {:6.2f} %  {}\n", 100 * c.probability, c.name);
  return text;
}

std::string JsonOf(const std::string& file, const std::vector<ClassProbability>& classes) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const ClassProbability& c : classes)
    rows.push_back({{"class", c.name}, {"index", c.index}, {"probability", c.probability}});
  const nlohmann::ordered_json object = {{"file", file}, {"predictions", rows}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

Status Run(const Invocation& invocation, const Console& console) {
  const Options& options = invocation.settings.options;
  if (invocation.arguments.empty()) {
    return InvalidArgument(
        "expected pictures to classify, found none; write 'riffle predict PICTURE... --ckpt_path=FILE'");
  }
  if (options.ckpt_path.empty()) {
    return InvalidArgument("option ckpt_path: expected the checkpoint to use, found nothing; add --ckpt_path=FILE");
  }
  if (options.threads > 0) SetThreads(options.threads);
  RIFFLE_ASSIGN(const OpTable<float>* ops, FindBackend(""));
  RIFFLE_ASSIGN(const std::unique_ptr<PictureClassifier> classifier,
                PictureClassifier::Create(ResolveCheckpointPath(options.ckpt_path), *ops, invocation.Has("online")));
  if (classifier->averaged() && !invocation.Has("json"))
    console.out << fmt::format("{}: averaged weights\n", options.ckpt_path);
  classifier->SetFlip(options.tta_flip);
  Status first_error;
  for (const std::string& file : invocation.arguments) {
    const Result<std::vector<ClassProbability>> classes = classifier->ClassifyFile(file, kShown);
    if (classes.ok()) {
      console.out << (invocation.Has("json") ? JsonOf : TextOf)(file, *classes) << std::flush;
    } else if (first_error.ok()) {  // the other pictures still get their answers
      first_error = classes.status();
    }
  }
  return first_error;
}

}  // namespace

Command PredictCommand() {
  return {
      .name = "predict",
      .summary = "names what pictures show, with probabilities",
      .options = {"threads", "ckpt_path", "tta_flip"},
      .own_options = {{.name = "json",
                       .value_name = "",
                       .help = "one object a line: file, predictions (an array of class, index, probability)"},
                      {.name = "online",
                       .value_name = "",
                       .help =
                           "use the weights as the optimizer left them, where the checkpoint also has averaged ones"}},
      .argument_name = "PICTURE...",
      .examples = {{"predict cat.jpg dog.png --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "the five likeliest classes of each"}},
      .run = Run,
  };
}

}  // namespace riffle
