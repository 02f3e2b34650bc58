// `riffle explain`: where in a picture the network finds evidence for a class.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/explanation.h"
#include "cli/own_number.h"
#include "cli/picture_run.h"
#include "runtime/likeliest.h"

namespace riffle {
namespace {

const Limits kMapsAPicture = {.low = 1, .high = 20};

std::string TextOf(const std::string& file, const Explanation& explanation) {
  std::string text = OneLine(file) + '\n';
  for (const ExplainedClass& c : explanation.classes)
    text += fmt::format("  {:6.2f} %  {}: hottest at ({}, {}), in {} × {} pixels from ({}, {})\n",
                        100 * c.answer.probability, OneLine(c.answer.name), c.x, c.y, c.width, c.height, c.left, c.top);
  return text + fmt::format("  {}\n", OneLine(explanation.file.string()));
}

std::string JsonOf(const std::string& file, const Explanation& explanation) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const ExplainedClass& c : explanation.classes)
    rows.push_back({{"class", c.answer.name},
                    {"index", c.answer.index},
                    {"probability", c.answer.probability},
                    {"hottest", {{"x", c.x}, {"y", c.y}}},
                    {"box", {{"left", c.left}, {"top", c.top}, {"width", c.width}, {"height", c.height}}}});
  const nlohmann::ordered_json object = {{"file", file}, {"explanation", explanation.file.string()}, {"classes", rows}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

Status Run(const Invocation& invocation, const Console& console) {
  const std::string* folder = invocation.Own("out");
  if (folder == nullptr)
    return InvalidArgument("option out: expected the folder for the drawings, found nothing; add --out=DIR");
  const std::string* asked = invocation.Own("class");
  if (asked != nullptr && invocation.Has("topk"))
    return InvalidArgument("options class and topk: one class, or the likeliest ones; leave one of them out");
  RIFFLE_ASSIGN(const int topk, OwnNumber(invocation, "topk", 1, kMapsAPicture));
  const bool json = invocation.Has("json");
  std::ostream nowhere(nullptr);
  Log log(json ? nowhere : console.out, 0);  // a program reads objects, and nothing else
  RIFFLE_ASSIGN(const std::unique_ptr<PictureRun> run, PictureRun::Open(invocation, "to explain", log));
  BatchClassifier& classifier = run->classifier();
  int asked_index = -1;
  if (asked != nullptr) {
    RIFFLE_ASSIGN(asked_index, ClassNamed(*asked, classifier.info()));
  }
  RIFFLE_ASSIGN(const std::unique_ptr<Explainer> explainer, Explainer::Create(classifier, *folder));
  // The classes of a picture that are shown.
  const auto classes_of = [&](size_t i) -> std::vector<ClassProbability> {
    if (!classifier.outcome(i).status.ok()) return {};
    const CheckpointInfo& info = classifier.info();
    if (asked_index < 0) return Likeliest(classifier.logits(i), info.classes, topk);
    std::vector<ClassProbability> all = Likeliest(classifier.logits(i), info.classes, info.model.num_classes);
    return {*std::ranges::find(all, asked_index, &ClassProbability::index)};
  };
  Status unreadable;
  RIFFLE_TRY(run->ForEachBatch(
      [&](std::span<const PictureInput> batch) -> Status {
        std::vector<std::vector<ClassProbability>> classes;
        for (size_t i = 0; i < batch.size(); ++i) classes.push_back(classes_of(i));
        RIFFLE_ASSIGN(const std::vector<Explanation> explanations, explainer->Explain(batch, classes));
        for (size_t i = 0; i < batch.size(); ++i)
          if (!classes[i].empty()) console.out << (json ? JsonOf : TextOf)(batch[i].name, explanations[i]);
        console.out << std::flush;
        return {};
      },
      &unreadable));
  return unreadable;
}

}  // namespace

Command ExplainCommand() {
  return {
      .name = "explain",
      .summary = "draws where in pictures the network finds evidence for a class",
      .options = {.groups = {OptionGroup::kWeights},
                  .names = {"device_target", "device_id", "tf32", "threads", "model"}},
      .own_options =
          {{.name = "out",
            .value_name = "DIR",
            .help = "the folder for the drawings, NAME.explain.png; it is made",
            .short_name = 'o',
            .value = OwnValue::kPath},
           {.name = "class", .value_name = "NAME|INDEX", .help = "the class to explain, instead of the likeliest"},
           {.name = "topk", .value_name = "N", .help = "the N likeliest classes side by side; 1 unless set"},
           {.name = "json",
            .value_name = "",
            .help = "one object a line: file, explanation (the drawing), classes (an array of class, index, "
                    "probability, hottest, box), in pixels of the picture",
            .prints = true},
           {.name = "online",
            .value_name = "",
            .help = "use the weights as the optimizer left them, where the checkpoint also has averaged ones"}},
      .argument_name = "PICTURE...",
      .examples = {{"explain cat.jpg --out=seen --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "seen/cat.explain.png: the picture, and what of it speaks for its class"},
                   {"explain photos --topk=3 --out=seen --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "all pictures of a folder, each with its three likeliest classes"},
                   {"explain cat.jpg --class=dog --out=seen --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "what of it speaks for another class"}},
      .run = Run,
  };
}

}  // namespace riffle
