// `riffle predict`: the classes of pictures.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/machine.h"
#include "cli/weights.h"
#include "runtime/classifier.h"

namespace riffle {
namespace {

constexpr size_t kShown = 5;

std::string TextOf(const std::string& file, const std::vector<ClassProbability>& classes, std::string_view flaw) {
  std::string text = flaw.empty() ? file + '\n' : fmt::format("{}: {}\n", file, flaw);
  for (const ClassProbability& c : classes) text += fmt::format("  {:6.2f} %  {}\n", 100 * c.probability, c.name);
  return text;
}

std::string JsonOf(const std::string& file, const std::vector<ClassProbability>& classes, std::string_view flaw) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const ClassProbability& c : classes)
    rows.push_back({{"class", c.name}, {"index", c.index}, {"probability", c.probability}});
  nlohmann::ordered_json object = {{"file", file}, {"predictions", rows}};
  if (!flaw.empty()) object["flaw"] = flaw;
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

/// One error that tells of all, with the code of the first.
Status Together(const std::vector<Status>& errors) {
  constexpr size_t kTold = 10;
  if (errors.empty()) return {};
  std::string message = errors[0].message();
  for (size_t i = 1; i < std::min(errors.size(), kTold); ++i) message += "; " + errors[i].message();
  if (errors.size() > kTold) message += fmt::format("; and {} more", errors.size() - kTold);
  return {errors[0].code(), message};
}

Status Run(const Invocation& invocation, const Console& console) {
  const Options& options = invocation.settings.options;
  if (invocation.arguments.empty()) {
    return InvalidArgument(
        "expected pictures to classify, found none; write 'riffle predict PICTURE... --ckpt_path=FILE'");
  }
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(options));
  const bool json = invocation.Has("json");
  std::ostream nowhere(nullptr);
  Log log(json ? nowhere : console.out, 0);  // a program reads objects, and nothing else
  RIFFLE_ASSIGN(const Checkpoint checkpoint, OpenAskedWeights(invocation.settings, "to classify with", log));
  RIFFLE_ASSIGN(const std::unique_ptr<PictureClassifier> classifier,
                PictureClassifier::Create(machine->execution, checkpoint, machine->ops, invocation.Has("online")));
  if (classifier->averaged()) log.Line(fmt::format("{}: averaged weights", checkpoint.path()));
  classifier->SetFlip(options.tta_flip);
  std::vector<Status> errors;
  for (const std::string& file : invocation.arguments) {
    const Result<std::vector<ClassProbability>> classes =
        classifier->ClassifyFile(file == "-" ? "/dev/stdin" : file, kShown);
    if (classes.ok())
      console.out << (json ? JsonOf : TextOf)(file, *classes, classifier->flaw()) << std::flush;
    else
      errors.push_back(classes.status());  // the other pictures still get their answers
  }
  return Together(errors);
}

}  // namespace

Command PredictCommand() {
  return {
      .name = "predict",
      .summary = "names what pictures show, with probabilities",
      .options = {.groups = {OptionGroup::kWeights}, .names = {"threads", "model", "tta_flip"}},
      .own_options =
          {{.name = "json",
            .value_name = "",
            .help = "one object a line: file, predictions (an array of class, index, probability), flaw (of a picture "
                    "that is cut off or damaged)"},
           {.name = "online",
            .value_name = "",
            .help = "use the weights as the optimizer left them, where the checkpoint also has averaged ones"}},
      .argument_name = "PICTURE...",
      .examples = {{"predict cat.jpg dog.png --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "the five likeliest classes of each"},
                   {"predict - --json --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "of a picture from the standard input, for a program"}},
      .run = Run,
  };
}

}  // namespace riffle
