// `riffle explain` and `riffle predict --explain`: for pictures that were classified, files that show where in them the
// network finds evidence for a class.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "riffle/riffle.hpp"
#include "runtime/activation_map.h"
#include "runtime/batch_classifier.h"

namespace riffle {

/// Where the evidence for a class is, in pixels of the picture's file (turned upright where the network sees it so).
struct ExplainedClass {
  ClassProbability answer;
  int x = 0, y = 0;                              ///< the middle of the hottest place
  int left = 0, top = 0, width = 0, height = 0;  ///< the box of what is above the middle of the map's range around it
};

struct Explanation {
  std::filesystem::path file;  ///< the PNG
  std::vector<ExplainedClass> classes;
};

class Explainer {
 public:
  /// Makes the folder. The classifier must outlive this, and keeps its maps from now on. Errors: IoError.
  static Result<std::unique_ptr<Explainer>> Create(BatchClassifier& classifier, const std::filesystem::path& folder);

  /// After each batch, before its pictures.
  void BeginBatch() { maps_.emplace(classifier_.session()); }

  /// Writes FOLDER/NAME.explain.png for picture `place` of the batch, NAME being the picture's without its ending, and
  /// NAME-2 for the next one of that name; an older file is replaced. It shows the classes from left to right.
  /// REQUIRES: the picture's outcome is good; there are classes. Errors: those of WriteFileAtomically.
  Result<Explanation> Explain(const PictureInput& picture, size_t place, std::span<const ClassProbability> classes);

 private:
  Explainer(BatchClassifier& classifier, std::filesystem::path folder)
      : classifier_(classifier), folder_(std::move(folder)) {}
  std::filesystem::path FileFor(const PictureInput& picture);

  BatchClassifier& classifier_;
  const std::filesystem::path folder_;
  std::set<std::string> names_;  // of the files that were written
  std::optional<ActivationMaps> maps_;
};

/// The class that a person means by its name or its number. InvalidArgument names the nearest one.
Result<int> ClassNamed(std::string_view text, const CheckpointInfo& info);

}  // namespace riffle
