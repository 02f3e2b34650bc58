// All splits of a data set at once, for who looks at the whole of it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/dataset.h"
#include "data/registry.h"

namespace riffle {

struct NamedSplit {
  std::string name;
  std::unique_ptr<Dataset> data;
};

/// The registered splits; of folders and shards those of train, val (a folder may be called by an alias) and test that
/// are there. All have the same classes, those of all splits: a class may be without pictures in one of them. Errors:
/// those of OpenDataset.
Result<std::vector<NamedSplit>> OpenAllSplits(const DatasetInfo& info, const std::filesystem::path& data_dir);

}  // namespace riffle
