// What is in a data set, and what is wrong with it: every picture of every split read once.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "backend/threads.h"
#include "base/status.h"
#include "data/dataset.h"
#include "data/registry.h"

namespace riffle {

struct DataCheck {
  struct Split {
    std::string name;
    std::vector<int64_t> pictures;  ///< of each class
    std::vector<LeftOut> left_out;
  };
  /// How many pictures have a property, and one of them; "" if there is none.
  struct Count {
    int64_t pictures = 0;
    std::string example;
  };
  /// A picture, and what is wrong with it; `reason` names it.
  struct Problem {
    std::string split, name, reason;
  };
  struct Place {
    std::string split, name;
    int32_t label = 0;
  };
  /// Pictures with the same pixels.
  struct Duplicates {
    std::vector<Place> places;   ///< at least two
    bool across_splits = false;  ///< what is trained on is measured on, too
    bool across_classes = false;
  };
  struct Range {
    int min = 0, median = 0, max = 0;
  };

  std::vector<std::string> classes;
  std::vector<Split> splits;
  Range width, height;              ///< of the readable pictures
  std::vector<Problem> unreadable;  ///< training leaves them out, validation ends there
  std::vector<Problem> incomplete;  ///< cut off or damaged after some pixels: read as far as they go
  std::vector<Problem> vanished;    ///< 16 bits a value, and black or nearly so as they are read (Picture::vanished)
  /// What is called as a split and has no pictures of classes, or has some and is not called so, and why.
  std::vector<std::string> unusable;
  std::vector<std::string> apart;    ///< splits that do not lie beside each other (splits.h)
  std::string below_the_only_class;  ///< what is known of a single class (BelowTheOnlyClass, readers.h)
  Count turned;                      ///< by their EXIF orientation, which is followed only where that is asked for
  Count deep;                        ///< of 16 bits a value, of which the high 8 are used
  std::vector<Duplicates> duplicates;

  int64_t pictures() const;
};

/// Called now and then by the thread that called CheckData.
using DataCheckProgress = std::function<void(int64_t done, int64_t total)>;

/// Reads all splits of a data set (splits.h) on the pool's threads. The result does not depend on the threads. Errors:
/// those of OpenAllSplits.
Result<DataCheck> CheckData(ThreadPool& pool, const DatasetInfo& info, const std::filesystem::path& data_dir,
                            const DataCheckProgress& progress = {});

}  // namespace riffle
