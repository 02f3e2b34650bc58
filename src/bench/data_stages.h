// How many pictures a second some threads make ready for training, stage by stage, and how many the loader does.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/loader.h"

namespace riffle {

struct DataBenchOptions {
  double seconds = 2;           ///< for the stages, and once more for the loader, with each number of threads
  int64_t most_pictures = 512;  ///< of the data set, from all over it
  std::vector<int> threads;     ///< that work side by side; none: one, and the loader has as many as `loader` says
  LoaderOptions loader;
};

struct DataBench {
  struct Stage {
    std::string key, what;
    double images_per_second = 0;  ///< of all threads together, each of which does nothing else
  };
  struct Run {
    int threads = 1;
    std::vector<Stage> stages;
    int workers = 0;  ///< of the loader
    double loader_images_per_second = 0;
    double page_faults = 0, waits = 0;  ///< of the loader for each picture: faults without the disk, context switches
  };
  int64_t pictures = 0;                       ///< that were measured
  std::map<int64_t, std::string> unreadable;  ///< names of others, which were left out, by their numbers
  std::vector<Run> runs;
};

/// Runs pictures through the stages of `transform`, each stage timed by itself: files come from memory but for the
/// stage that reads them. Where pictures are no files, the stages that decode are left out. Pictures
/// that cannot be read are left out, too; the loader replaces them as in training. Errors: DataLoss where none
/// can be read; of the loader, where they are more than it tolerates.
Result<DataBench> MeasureData(const Dataset& dataset, const Transform& transform, const DataBenchOptions& options);

std::string TextOf(const DataBench& bench);
nlohmann::ordered_json JsonOf(const DataBench& bench);

}  // namespace riffle
