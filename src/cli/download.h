// --dataset_download, and what the user sees of it.
#pragma once

#include "report/log.h"
#include "settings/settings.h"

namespace riffle {

/// Fetches the data set if dataset_download says so and it is not there (DownloadDataset); the log shows how it goes.
Status DownloadIfAsked(const Options& options, Log& log);

}  // namespace riffle
