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

/// The registered splits; of folders and shards those of train, val and test (by any of their names) that are there.
/// All have the same classes, those of all splits: a class may be without pictures in one of them. Errors: those of
/// OpenDataset. A folder that is called as a split and has no class folder with pictures beside others that have is an
/// error, too; its text goes to `unusable` instead, if there is such. `threads` as in DatasetOptions.
Result<std::vector<NamedSplit>> OpenAllSplits(const DatasetInfo& info, const std::filesystem::path& data_dir,
                                              int threads, std::vector<std::string>* unusable = nullptr);

/// Folders of pictures that lie beside the splits and are none by their names: "X/dev: no split by its name, with 2
/// class folders". Folders that nobody would take for pictures of this set are passed over.
std::vector<std::string> FoldersThatAreNoSplit(const std::filesystem::path& data_dir);

/// "split 'val' was found in X/old, split 'train' in X": where two splits do not lie beside each other; otherwise "".
std::string Apart(const std::string& split, const Dataset& data, const std::string& other_split, const Dataset& other);

}  // namespace riffle
