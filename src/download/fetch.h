// One file from the network: several places, broken transfers continued, wrong bytes never left behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "download/checksum.h"

namespace riffle {

/// Hears how a download goes, in the thread that downloads.
class DownloadObserver {
 public:
  virtual ~DownloadObserver() = default;
  /// `done` of `total` bytes of a file are here; total 0: the server did not say. Called several times a second.
  virtual void OnBytes(std::string_view /*file*/, uint64_t /*done*/, uint64_t /*total*/) {}
  /// Something a person would want to know: a transfer that broke, a wait.
  virtual void OnNote(const std::string& /*line*/) {}
};

struct FetchRequest {
  std::vector<std::string> urls;  ///< the same file at several places (http, https), in the order they are tried
  std::filesystem::path to;       ///< its folder exists
  FileCheck check;                ///< that the bytes are right
  uint64_t most_bytes = uint64_t{1} << 30;  ///< what is longer is not the file: it is not waited for
};

/// How patient a download is. An attempt that brings new bytes starts the count anew.
struct FetchPolicy {
  int attempts = 4;                            ///< of one URL
  std::chrono::milliseconds first_pause{500};  ///< between attempts; doubles each time
  std::chrono::seconds connect_timeout{15};
  std::chrono::seconds stall_timeout{30};  ///< an attempt ends that gets under 1 KiB/s for so long
};

/// Brings a file that passes its check to `to`, or changes nothing there. One that is there and passes is not fetched.
/// What has arrived waits in `to`.part, from where the next attempt, also of a later process, continues. Certificates
/// are verified, and https is never redirected to http. Not for two callers with the same `to` at once (FileLock).
/// Errors name each URL and what went wrong there: NotFound where all answered so, DataLoss for wrong bytes (with
/// what the check says; they are removed) and for more than `most_bytes`, IoError for the rest.
Status Fetch(const FetchRequest& request, const FetchPolicy& policy, DownloadObserver& observer);

}  // namespace riffle
