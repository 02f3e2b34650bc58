#include "data/download.h"

#include <map>
#include <vector>

#include "base/file_lock.h"
#include "data/readers.h"
#include "download/checksum.h"
#include "download/unpack.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// Whether the whole data set is there, by reading it: sizes, checksums of gzip, labels.
Status OpensWhole(const DatasetInfo& info, const fs::path& data_dir) {
  for (const SplitInfo& split : info.splits) {
    const auto dataset = info.layout == DatasetLayout::kCifar ? OpenCifar(info, split, data_dir, info.channels)
                                                              : OpenIdx(info, split, data_dir, info.channels);
    if (!dataset.ok()) return dataset.status();
  }
  return {};
}

Result<std::vector<FetchRequest>> Requests(const DatasetInfo& info, const fs::path& folder,
                                           const DatasetDownload& download) {
  std::map<std::string, std::string> sums;
  if (!download.checksums.empty()) {
    RIFFLE_ASSIGN(sums, ReadChecksums(download.checksums));
  }
  std::vector<std::string> bases(info.urls.begin(), info.urls.end());
  if (!download.url.empty()) bases = {download.url};
  std::vector<FetchRequest> requests;
  for (const DownloadInfo& file : info.downloads) {
    FetchRequest request{.urls = {}, .to = folder / file.file, .check = HasDigest(Digest::kMd5, std::string(file.md5))};
    for (const std::string& base : bases)
      request.urls.push_back(fmt::format("{}{}{}", base, base.ends_with('/') ? "" : "/", file.file));
    if (!download.checksums.empty()) {
      const auto sum = sums.find(std::string(file.file));
      if (sum == sums.end())
        return InvalidArgument("{}: expected a line for each file of {}, found none for {}",
                               download.checksums.string(), info.name, file.file);
      request.check = HasDigest(Digest::kMd5, sum->second);
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

bool IsArchive(const fs::path& file) { return file.native().ends_with(".tar.gz"); }

Status FetchAll(const std::vector<FetchRequest>& requests, const DatasetDownload& download,
                DownloadObserver& observer) {
  for (const FetchRequest& request : requests) {
    const Status status = Fetch(request, download.policy, observer);
    if (!status.ok())
      return {status.code(), fmt::format("{} could not be fetched: {}; look at the network, or name a mirror's folder "
                                         "with --dataset_url",
                                         request.to.filename().string(), status.message())};
    if (IsArchive(request.to)) RIFFLE_TRY(Unpack(request.to, request.to.parent_path()));
  }
  return {};
}

}  // namespace

Status DownloadDataset(const DatasetInfo& info, const fs::path& data_dir, const DatasetDownload& download,
                       DownloadObserver& observer) {
  if (info.downloads.empty())
    return InvalidArgument(
        "option dataset_download: {} cannot be fetched; put its folders of pictures where --data_dir leads", info.name);
  const fs::path folder = data_dir / info.name;
  RIFFLE_ASSIGN(const std::vector<FetchRequest> requests, Requests(info, folder, download));
  Status before = OpensWhole(info, data_dir);
  if (before.ok() || before.code() == ErrorCode::kInvalidArgument) return before;  // there, or there twice
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: cannot be made: {}", folder.string(), error.message());
  RIFFLE_ASSIGN(const FileLock lock, FileLock::Wait(folder / ".lock", [&] {
                  observer.OnNote(fmt::format("Another process downloads to {}: waiting for it", folder.string()));
                }));
  if (!lock.locks())
    observer.OnNote(fmt::format("{} cannot be locked: no other process may download there", folder.string()));
  Status whole = OpensWhole(info, data_dir);
  if (!whole.ok()) {  // the other one has not fetched it
    whole = FetchAll(requests, download, observer);
    if (whole.ok()) whole = OpensWhole(info, data_dir);
  }
  lock.RemoveFile();
  return whole;
}

}  // namespace riffle
