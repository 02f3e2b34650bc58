#include "cli/download.h"

#include "data/download.h"

namespace riffle {

Status DownloadIfAsked(const Options& options, Log& log) {
  if (!options.dataset_download) return {};
  RIFFLE_ASSIGN(const DatasetInfo* info, FindDataset(options.dataset));
  DownloadReporter reporter(log);
  return DownloadDataset(*info, options.data_dir, {.url = options.dataset_url, .checksums = options.dataset_checksums},
                         reporter);
}

Status DownloadTogether(const Options& options, Log& log, Communicator& world) {
  return world.Agree(world.local_rank() == 0 ? DownloadIfAsked(options, log) : Status());
}

}  // namespace riffle
