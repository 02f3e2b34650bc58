// `riffle predict`: the classes of pictures.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/csv_answers.h"
#include "cli/explanation.h"
#include "cli/own_number.h"
#include "cli/picture_run.h"
#include "cli/sort_pictures.h"
#include "data/left_out.h"
#include "report/picture_progress.h"
#include "report/table.h"
#include "runtime/likeliest.h"

namespace riffle {
namespace {

constexpr size_t kDefaultClasses = 5;
const Limits kAtLeastOne = {.low = 1, .high = 1e6};
constexpr size_t kClassesInSummary = 10;

using Answer = std::vector<ClassProbability>;  // the likeliest class first

std::string TextOf(const std::string& file, const Answer& classes, std::string_view flaw,
                   const std::string& explanation) {
  std::string text = OneLine(flaw.empty() ? file : fmt::format("{}: {}", file, flaw)) + '\n';
  for (const ClassProbability& c : classes)
    text += fmt::format("  {:6.2f} %  {}\n", 100 * c.probability, OneLine(c.name));
  return explanation.empty() ? text : text + fmt::format("  {}\n", OneLine(explanation));
}

std::string JsonOf(const std::string& file, const Answer& classes, std::string_view flaw,
                   const std::string& explanation) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const ClassProbability& c : classes)
    rows.push_back({{"class", c.name}, {"index", c.index}, {"probability", c.probability}});
  nlohmann::ordered_json object = {{"file", file}, {"predictions", rows}};
  if (!flaw.empty()) object["flaw"] = flaw;
  if (!explanation.empty()) object["explanation"] = explanation;
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

/// How many pictures each class has, where the answers themselves go elsewhere.
class Summary {
 public:
  void Add(const ClassProbability& top) {
    ++pictures_;
    ++counts_[top.name];
  }

  std::string Text() const {
    std::vector<std::pair<std::string, int64_t>> rows(counts_.begin(), counts_.end());
    std::ranges::stable_sort(rows, std::ranges::greater(), &std::pair<std::string, int64_t>::second);
    std::string text = GroupedCount(pictures_, "picture");
    for (size_t i = 0; i < std::min(rows.size(), kClassesInSummary); ++i)
      text += fmt::format("{}{} {}", i == 0 ? ": " : ", ", Grouped(rows[i].second), OneLine(rows[i].first));
    if (rows.size() > kClassesInSummary)
      text += fmt::format(" and {}", Counted(static_cast<int64_t>(rows.size() - kClassesInSummary), "more class"));
    return text + '\n';
  }

 private:
  int64_t pictures_ = 0;
  std::map<std::string, int64_t> counts_;
};

/// What is done with the answers. Those that were not asked for are not there.
class Answers {
 public:
  static Result<std::unique_ptr<Answers>> Create(const Invocation& invocation, const Console& console, PictureRun& run,
                                                 size_t topk, Log& log) {
    std::unique_ptr<Answers> answers(new Answers(invocation, console, run, topk, log));
    if (const std::string* folder = invocation.Own("sort_into")) {
      RIFFLE_ASSIGN(answers->sorter_, PictureSorter::Create(*folder, run.pictures()));
    }
    if (const std::string* folder = invocation.Own("explain")) {
      RIFFLE_ASSIGN(answers->explainer_, Explainer::Create(run.classifier(), *folder));
    }
    return answers;
  }

  Status Take(std::span<const PictureInput> batch) {
    std::vector<Answer> classes(batch.size()), explained(batch.size());  // none of a picture that could not be read
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!classifier_.outcome(i).status.ok()) continue;
      classes[i] = Likeliest(classifier_.logits(i), classifier_.info().classes, topk_);
      explained[i] = {classes[i][0]};
    }
    std::vector<Explanation> explanations(batch.size());
    if (explainer_) {
      RIFFLE_ASSIGN(explanations, explainer_->Explain(batch, explained));
    }
    for (size_t i = 0; i < batch.size(); ++i)
      if (!classes[i].empty())
        RIFFLE_TRY(Take(batch[i], classes[i], classifier_.outcome(i).flaw, explanations[i].file.string()));
    console_.out << std::flush;
    done_ += static_cast<int64_t>(batch.size());
    if (is_summed_up_) progress_.Report(done_, pictures_);
    return {};
  }

  /// Writes what is written at the end.
  Status End() {
    log_.Live("");
    if (csv_file_ != nullptr) RIFFLE_TRY(WriteFileAtomically(*csv_file_, csv_));
    if (!is_summed_up_) return {};
    console_.out << summary_.Text();
    if (csv_file_ != nullptr) console_.out << fmt::format("{}: their answers\n", OneLine(*csv_file_));
    if (sorter_)
      console_.out << fmt::format("{}: {} copied, {} there already\n", OneLine(*sort_into_), Grouped(sorter_->copied()),
                                  Grouped(sorter_->there_already()));
    return {};
  }

 private:
  Answers(const Invocation& invocation, const Console& console, PictureRun& run, size_t topk, Log& log)
      : console_(console),
        log_(log),
        classifier_(run.classifier()),
        pictures_(static_cast<int64_t>(run.pictures().size())),
        topk_(std::min<size_t>(topk, run.classifier().info().model.num_classes)),
        is_json_(invocation.Has("json")),
        csv_file_(invocation.Own("csv")),
        sort_into_(invocation.Own("sort_into")),
        is_summed_up_(!is_json_ && (csv_file_ != nullptr || sort_into_ != nullptr)),
        progress_(log) {
    if (csv_file_ != nullptr) csv_ = CsvHeading(topk_);
  }

  Status Take(const PictureInput& picture, const Answer& classes, const std::string& flaw,
              const std::string& explanation) {
    if (csv_file_ != nullptr) csv_ += CsvRow(picture.name, classes);
    if (sorter_) RIFFLE_TRY(sorter_->Copy(picture.name, classes[0].name, classes[0].index));
    if (!is_summed_up_) {
      console_.out << (is_json_ ? JsonOf : TextOf)(picture.name, classes, flaw, explanation);
      return {};
    }
    summary_.Add(classes[0]);
    if (!flaw.empty()) log_.Line(fmt::format("{}: {}", picture.name, flaw));
    return {};
  }

  const Console& console_;
  Log& log_;
  const BatchClassifier& classifier_;
  const int64_t pictures_;
  const size_t topk_;
  const bool is_json_;
  const std::string* const csv_file_;   // null: not asked for
  const std::string* const sort_into_;  // the same
  const bool is_summed_up_;             // the answers are not printed
  std::optional<PictureSorter> sorter_;
  std::unique_ptr<Explainer> explainer_;
  std::string csv_;
  Summary summary_;
  PictureProgress progress_;
  int64_t done_ = 0;
};

Status Run(const Invocation& invocation, const Console& console) {
  RIFFLE_ASSIGN(const size_t topk, OwnNumber(invocation, "topk", kDefaultClasses, kAtLeastOne));
  if (const std::string* table = invocation.Own("csv"); table != nullptr && IsPictureName(*table))
    return InvalidArgument("option csv: expected the file to write a table to, found the picture '{}'", *table);
  const bool json = invocation.Has("json");
  std::ostream nowhere(nullptr);
  // A program reads objects, and nothing else.
  Log log(json ? nowhere : console.out, json ? 0 : console.terminal_width);
  RIFFLE_ASSIGN(const std::unique_ptr<PictureRun> run, PictureRun::Open(invocation, "to classify with", log));
  run->classifier().session().SetFlip(invocation.settings.options.tta_flip);
  RIFFLE_ASSIGN(const std::unique_ptr<Answers> answers, Answers::Create(invocation, console, *run, topk, log));
  Status unreadable;
  RIFFLE_TRY(run->ForEachBatch([&](std::span<const PictureInput> batch) { return answers->Take(batch); }, &unreadable));
  RIFFLE_TRY(answers->End());
  return unreadable;
}

}  // namespace

Command PredictCommand() {
  return {
      .name = "predict",
      .summary = "names what pictures show, with probabilities",
      .options = {.groups = {OptionGroup::kWeights},
                  .names = {"device_target", "device_id", "tf32", "threads", "model", "tta_flip"}},
      .own_options =
          {{.name = "topk", .value_name = "N", .help = "the N likeliest classes of each picture; 5 unless set"},
           {.name = "json",
            .value_name = "",
            .help = "one object a line: file, predictions (an array of class, index, probability), flaw (of a picture "
                    "that is cut off or damaged), explanation (the drawing of --explain)",
            .prints = true},
           {.name = "csv",
            .value_name = "FILE",
            .help = "write a table there, a row for each picture: file, then class, index and probability of the "
                    "likeliest class, of the second (class_2, ...) and so on",
            .value = OwnValue::kOutput},
           {.name = "sort_into",
            .value_name = "DIR",
            .help = "copy each picture to DIR/CLASS; no file there is replaced",
            .value = OwnValue::kPath},
           {.name = "explain",
            .value_name = "DIR",
            .help = "draw DIR/NAME.explain.png of each picture, where the network finds evidence for its likeliest "
                    "class ('riffle help explain')",
            .value = OwnValue::kPath},
           {.name = "online",
            .value_name = "",
            .help = "use the weights as the optimizer left them, where the checkpoint also has averaged ones"}},
      .argument_name = "PICTURE...",
      .examples =
          {{"predict cat.jpg dog.png --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
            "the five likeliest classes of each"},
           {"predict photos --csv=photos.csv --topk=1 --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
            "a table of all pictures in a folder and below"},
           {"predict photos --sort_into=sorted --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
            "copies of them, in a folder for each class"},
           {"predict - --json --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
            "for a program: of the names on the standard input (find -print0 gives them), or of a picture there"}},
      .run = Run,
  };
}

}  // namespace riffle
