#include "cli/download.h"

#include "data/download.h"
#include "report/download_progress.h"

namespace riffle {
namespace {

class Reporter : public DownloadObserver {
 public:
  explicit Reporter(Log& log) : log_(log), progress_(log) {}
  void OnBytes(std::string_view file, uint64_t done, uint64_t total) override { progress_.Report(file, done, total); }
  void OnNote(const std::string& line) override { log_.Line(line); }

 private:
  Log& log_;
  DownloadProgress progress_;
};

}  // namespace

Status DownloadIfAsked(const Options& options, Log& log) {
  if (!options.dataset_download) return {};
  RIFFLE_ASSIGN(const DatasetInfo* info, FindDataset(options.dataset));
  Reporter reporter(log);
  return DownloadDataset(*info, options.data_dir, {.url = options.dataset_url, .checksums = options.dataset_checksums},
                         reporter);
}

}  // namespace riffle
