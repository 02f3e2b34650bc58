// `riffle explain` and `riffle predict --explain`: for pictures that were classified, files that show where in them the
// network finds evidence for a class.
#pragma once

#include <filesystem>
#include <memory>
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

  /// After each batch, for its pictures: what `classes` holds for each, from left to right; nothing for one that has
  /// none, whose explanation then is empty. Writes FOLDER/NAME.explain.png, NAME being the picture's without its
  /// ending, and NAME-2 for the next one of that name; an older file is replaced. Draws on the threads of the
  /// classifier. REQUIRES: the outcome of pictures with classes is good. Errors: those of WriteFileAtomically.
  Result<std::vector<Explanation>> Explain(std::span<const PictureInput> batch,
                                           std::span<const std::vector<ClassProbability>> classes);

 private:
  Explainer(BatchClassifier& classifier, std::filesystem::path folder)
      : classifier_(classifier), folder_(std::move(folder)) {}
  std::filesystem::path FileFor(const PictureInput& picture);
  Status Write(const PictureInput& picture, size_t place, const ActivationMaps& maps,
               std::span<const ClassProbability> classes, Explanation& explanation) const;

  BatchClassifier& classifier_;
  const std::filesystem::path folder_;
  std::set<std::string> names_;  // of the files that were written
};

/// The class that a person means by its name or its number. InvalidArgument names the nearest one.
Result<int> ClassNamed(std::string_view text, const CheckpointInfo& info);

}  // namespace riffle
