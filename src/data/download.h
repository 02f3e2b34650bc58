// The data sets that can be fetched: from their publishers, from mirrors, or from a folder that the user names.
#pragma once

#include <filesystem>
#include <string>

#include "base/status.h"
#include "data/registry.h"
#include "download/fetch.h"

namespace riffle {

struct DatasetDownload {
  std::string url = {};                  ///< folder of a mirror, the only one asked; empty: those of the registry
  std::filesystem::path checksums = {};  ///< sums that replace the registry's (ReadChecksums); empty: the registry's
  FetchPolicy policy = {};
};

/// Makes sure that a data set lies below `data_dir`: does nothing where all its splits open, else fetches its files to
/// data_dir/NAME, verifies and unpacks them. However many processes of a host call it, one works, the others wait.
/// Errors: InvalidArgument for a set that has no downloads or sums that leave out a file; those of Fetch, Unpack and of
/// opening the data set.
Status DownloadDataset(const DatasetInfo& info, const std::filesystem::path& data_dir, const DatasetDownload& download,
                       DownloadObserver& observer);

}  // namespace riffle
