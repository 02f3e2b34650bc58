// --dataset_download, and what the user sees of downloads.
#pragma once

#include <string>

#include "dist/communicator.h"
#include "download/fetch.h"
#include "report/download_progress.h"
#include "report/log.h"
#include "settings/settings.h"

namespace riffle {

/// Tells a log how a download goes.
class DownloadReporter : public DownloadObserver {
 public:
  explicit DownloadReporter(Log& log) : log_(log), progress_(log) {}
  void OnBytes(std::string_view file, uint64_t done, uint64_t total) override { progress_.Report(file, done, total); }
  void OnNote(const std::string& line) override { log_.Line(line); }

 private:
  Log& log_;
  DownloadProgress progress_;
};

/// Fetches the data set if dataset_download says so and it is not there (DownloadDataset); the log shows how it goes.
Status DownloadIfAsked(const Options& options, Log& log);
/// The same by one process of each host, which may have a disk of its own; the others wait. Collective.
Status DownloadTogether(const Options& options, Log& log, Communicator& world);

}  // namespace riffle
