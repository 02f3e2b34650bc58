// How many pictures a second one core makes ready for training, stage by stage, and how many the loader does.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/loader.h"

namespace riffle {

struct DataBenchOptions {
  double seconds = 2;           ///< for the stages, and once more for the loader
  int64_t most_pictures = 512;  ///< of the data set, from all over it
  LoaderOptions loader;
};

struct DataBench {
  struct Stage {
    std::string key, what;
    double images_per_second = 0;  ///< of one core that does nothing else
  };
  int64_t pictures = 0;  ///< that were measured
  std::vector<Stage> stages;
  int workers = 0;
  double loader_images_per_second = 0;
};

/// Runs pictures through the stages of `transform`, each stage timed by itself: files come from memory but for the
/// stage that reads them. Where pictures are no files, the stages that decode are left out. Errors: of the pictures.
Result<DataBench> MeasureData(const Dataset& dataset, const Transform& transform, const DataBenchOptions& options);

std::string TextOf(const DataBench& bench);
nlohmann::ordered_json JsonOf(const DataBench& bench);

}  // namespace riffle
