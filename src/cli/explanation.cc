#include "cli/explanation.h"

#include <algorithm>
#include <exception>

#include "base/file.h"
#include "base/text.h"
#include "cli/explanation_sheet.h"
#include "picture/draw/draw.h"
#include "runtime/likeliest.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// A region of the square that the network sees, in pixels of a picture of which it sees `seen`.
ExplainedClass InPixels(const ClassProbability& answer, const HotRegion& region, const SourceBox& seen) {
  const auto x = [&](double share) { return static_cast<int>(seen.left + share * seen.width); };
  const auto y = [&](double share) { return static_cast<int>(seen.top + share * seen.height); };
  return {.answer = answer,
          .x = x(region.x),
          .y = y(region.y),
          .left = x(region.left),
          .top = y(region.top),
          .width = x(region.left + region.width) - x(region.left),
          .height = y(region.top + region.height) - y(region.top)};
}

}  // namespace

Result<std::unique_ptr<Explainer>> Explainer::Create(BatchClassifier& classifier, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: the folder cannot be made: {}", folder.string(), error.message());
  classifier.session().KeepLastMaps();
  return std::unique_ptr<Explainer>(new Explainer(classifier, folder));
}

fs::path Explainer::FileFor(const PictureInput& picture) {
  constexpr size_t kMostBytes = 200;  // a file's name has 255
  const std::string stem = picture.name == "-" ? "stdin" : fs::path(picture.name).stem().string().substr(0, kMostBytes);
  std::string name = stem;
  for (int number = 2; !names_.insert(name).second; ++number) name = fmt::format("{}-{}", stem, number);
  return folder_ / (name + ".explain.png");
}

Result<std::vector<Explanation>> Explainer::Explain(std::span<const PictureInput> batch,
                                                    std::span<const std::vector<ClassProbability>> classes) {
  const ActivationMaps maps(classifier_.session());
  std::vector<Explanation> explanations(batch.size());
  for (size_t i = 0; i < batch.size(); ++i)
    if (!classes[i].empty()) explanations[i].file = FileFor(batch[i]);
  std::vector<Status> statuses(batch.size());
  classifier_.session().execution().pool.ParallelFor(static_cast<int64_t>(batch.size()), [&](int64_t i) {
    try {
      if (!classes[i].empty()) statuses[i] = Write(batch[i], i, maps, classes[i], explanations[i]);
    } catch (const std::exception&) {  // nothing else throws than what finds no memory
      statuses[i] = Unavailable("{}: no memory to draw it", explanations[i].file.string());
    }
  });
  for (const Status& status : statuses) RIFFLE_TRY(status);
  return explanations;
}

Status Explainer::Write(const PictureInput& picture, size_t place, const ActivationMaps& maps,
                        std::span<const ClassProbability> classes, Explanation& explanation) const {
  const BatchClassifier::Outcome& outcome = classifier_.outcome(place);
  const SourceBox seen = classifier_.view().Seen(outcome.height, outcome.width);
  std::vector<ExplainedMap> shown;
  for (const ClassProbability& answer : classes) {
    ActivationMap map = maps.Of(static_cast<int64_t>(place), answer.index);
    explanation.classes.push_back(InPixels(answer, HottestRegion(map), seen));
    shown.push_back({.class_name = answer.name, .probability = answer.probability, .map = std::move(map)});
  }
  const Picture sheet =
      DrawExplanation(classifier_.Seen(place).View(), fs::path(picture.name).filename().string(), shown);
  RIFFLE_ASSIGN(const std::string png, EncodePng(sheet.View()));
  return WriteFileAtomically(explanation.file, png);
}

Result<int> ClassNamed(std::string_view text, const CheckpointInfo& info) {
  std::vector<std::string> names;
  for (int k = 0; k < info.model.num_classes; ++k) names.push_back(ClassNameOf(info.classes, k));
  const auto named = std::ranges::find(names, text);
  if (named != names.end()) return static_cast<int>(named - names.begin());
  const std::optional<int> index = ParseNumber<int>(text);
  if (index && *index >= 0 && *index < info.model.num_classes) return *index;
  const std::vector<std::string_view> views(names.begin(), names.end());
  return InvalidArgument(
      "option class (command line): expected one of {} of the checkpoint, by its name or its number from 0 "
      "to {}, found '{}'; the nearest name is '{}'",
      Counted(static_cast<int64_t>(names.size()), "class"), names.size() - 1, text, Nearest(text, views));
}

}  // namespace riffle
