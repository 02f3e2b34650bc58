#include "download/fetch.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "download/checksum.h"
#include "download/libcurl.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr long kMaxRedirects = 10;
constexpr long kSlowBytesPerSecond = 1024;

uint64_t SizeOf(const fs::path& path) {
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  return error ? 0 : size;
}

void Remove(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
}

/// How one attempt ended.
struct Outcome {
  enum { kComplete, kTryAgain, kStartOver, kGiveUp } what = kComplete;
  ErrorCode code = ErrorCode::kIo;
  std::string reason = {};
};

/// One request: the bytes of `url` from `offset` on, appended to `part`.
class Request {
 public:
  Request(const LibCurl& curl, std::string url, const fs::path& part, uint64_t most_bytes, const FetchPolicy& policy,
          DownloadObserver& observer)
      : lib_(curl),
        url_(std::move(url)),
        part_(part),
        name_(fs::path(part).replace_extension().filename().string()),
        most_bytes_(most_bytes),
        policy_(policy),
        observer_(observer),
        offset_(SizeOf(part)) {}

  Outcome Run() {
    file_.reset(std::fopen(part_.c_str(), "ab"));
    if (!file_) return CannotWrite(errno);
    curl_ = {lib_.easy_init(), lib_.easy_cleanup};
    if (!curl_) return {Outcome::kGiveUp, ErrorCode::kUnavailable, "libcurl cannot start"};
    Configure();
    const CURLcode result = lib_.easy_perform(curl_.get());
    const bool written = std::fclose(file_.release()) == 0;
    return written ? Judge(result) : CannotWrite(errno);
  }

  /// Whether bytes of an earlier attempt are part of the file.
  bool resumed() const { return offset_ > 0; }

 private:
  void Configure() {
    CURL* const c = curl_.get();
    const auto set = lib_.easy_setopt;
    const bool secure = url_.starts_with("https:");
    set(c, CURLOPT_URL, url_.c_str());
    set(c, CURLOPT_PROTOCOLS_STR, "http,https");
    set(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    set(c, CURLOPT_FOLLOWLOCATION, 1L);
    set(c, CURLOPT_MAXREDIRS, kMaxRedirects);
    set(c, CURLOPT_FAILONERROR, 1L);  // the page that explains a 404 is no data
    set(c, CURLOPT_USERAGENT, "riffle");
    set(c, CURLOPT_NOSIGNAL, 1L);
    set(c, CURLOPT_CONNECTTIMEOUT, static_cast<long>(policy_.connect_timeout.count()));
    set(c, CURLOPT_LOW_SPEED_LIMIT, kSlowBytesPerSecond);
    set(c, CURLOPT_LOW_SPEED_TIME, static_cast<long>(policy_.stall_timeout.count()));
    set(c, CURLOPT_ERRORBUFFER, explanation_);
    // A range, not CURLOPT_RESUME_FROM: a server that sends the whole file instead is welcome, see OnData.
    if (offset_ > 0) set(c, CURLOPT_RANGE, fmt::format("{}-", offset_).c_str());
    set(c, CURLOPT_WRITEDATA, this);
    set(
        c, CURLOPT_WRITEFUNCTION, +[](char* data, size_t one, size_t count, void* self) {
          return static_cast<Request*>(self)->OnData(data, one * count);
        });
    set(c, CURLOPT_NOPROGRESS, 0L);
    set(c, CURLOPT_XFERINFODATA, this);
    set(
        c, CURLOPT_XFERINFOFUNCTION, +[](void* self, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
          static_cast<Request*>(self)->OnProgress(total, done);
          return 0;
        });
  }

  size_t OnData(const char* data, size_t bytes) {
    if (offset_ > 0 && HttpStatus() == 200) {  // it sends the whole file
      if (ftruncate(fileno(file_.get()), 0) != 0) return NoteWriteError();
      offset_ = 0;
    }
    arrived_ += bytes;
    is_too_long_ = offset_ + std::max(arrived_, AnnouncedBytes()) > most_bytes_;
    if (is_too_long_) return 0;
    const size_t written = std::fwrite(data, 1, bytes, file_.get());
    return written == bytes ? bytes : NoteWriteError();
  }

  /// No bytes were written, which ends the transfer.
  size_t NoteWriteError() {
    write_error_ = errno;
    return 0;
  }

  /// What this answer has in all; 0: the server did not say.
  uint64_t AnnouncedBytes() const {
    curl_off_t bytes = 0;
    lib_.easy_getinfo(curl_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
    return bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
  }

  void OnProgress(curl_off_t total, curl_off_t done) {
    const int status = HttpStatus();
    if (done == 0 || (status != 200 && status != 206)) return;  // of a redirection, or an error
    observer_.OnBytes(name_, offset_ + done, total > 0 ? offset_ + total : 0);
  }

  int HttpStatus() const {
    long status = 0;
    lib_.easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
  }

  Outcome Judge(CURLcode result) const {
    if (is_too_long_)
      return {Outcome::kGiveUp, ErrorCode::kDataLoss,
              fmt::format("it sends more than {} bytes, which is more than the file can have; what came was removed",
                          most_bytes_)};
    if (result == CURLE_OK) return {};
    const std::string text = explanation_[0] != 0 ? explanation_ : lib_.easy_strerror(result);
    switch (result) {
      case CURLE_HTTP_RETURNED_ERROR: {
        const int status = HttpStatus();
        const std::string reason = fmt::format("the server answered {}", status);
        if (status == 416) return {Outcome::kStartOver, ErrorCode::kIo, reason};
        const bool passes = status >= 500 || status == 408 || status == 429;
        const bool is_missing = status == 404 || status == 410;
        return {passes ? Outcome::kTryAgain : Outcome::kGiveUp, is_missing ? ErrorCode::kNotFound : ErrorCode::kIo,
                reason};
      }
      case CURLE_WRITE_ERROR:
        return CannotWrite(write_error_);
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
        return {Outcome::kGiveUp, ErrorCode::kIo, "its certificate is not trusted: " + text};
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_URL_MALFORMAT:
      case CURLE_TOO_MANY_REDIRECTS:
        return {Outcome::kGiveUp, ErrorCode::kIo, text};
      case CURLE_OPERATION_TIMEDOUT:
        return {Outcome::kTryAgain, ErrorCode::kIo, "the transfer stalled: " + text};
      default:
        return {Outcome::kTryAgain, ErrorCode::kIo, text};
    }
  }

  Outcome CannotWrite(int error) const {
    return {Outcome::kGiveUp, ErrorCode::kIo,
            fmt::format("{}: cannot write: {}", part_.string(), std::strerror(error))};
  }

  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  const LibCurl& lib_;
  const std::string url_;
  const fs::path part_;
  const std::string name_;
  const uint64_t most_bytes_;
  const FetchPolicy& policy_;
  DownloadObserver& observer_;
  uint64_t offset_, arrived_ = 0;
  bool is_too_long_ = false;
  int write_error_ = 0;  // why OnData failed, as errno has it
  std::unique_ptr<std::FILE, Closer> file_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_{nullptr, nullptr};
  char explanation_[CURL_ERROR_SIZE] = {};
};

/// One request and, if it brought the last byte, the check.
Outcome Attempt(const std::string& url, const fs::path& part, const FetchRequest& wanted, const FetchPolicy& policy,
                DownloadObserver& observer) {
  const Result<const LibCurl*> curl = LoadLibCurl();
  if (!curl.ok()) return {Outcome::kGiveUp, curl.status().code(), curl.status().message()};
  Request request(**curl, url, part, wanted.most_bytes, policy, observer);
  Outcome outcome = request.Run();
  if (outcome.what != Outcome::kComplete) return outcome;
  const Status right = wanted.check(part);
  if (right.ok()) return {};
  if (right.code() != ErrorCode::kDataLoss) return {Outcome::kGiveUp, right.code(), right.message()};
  // What an earlier attempt brought may have been of another version.
  return {request.resumed() ? Outcome::kStartOver : Outcome::kGiveUp, ErrorCode::kDataLoss,
          right.message() + "; what came was removed"};
}

/// All attempts of one URL.
Status FetchFrom(const std::string& url, const fs::path& part, const FetchRequest& wanted, const FetchPolicy& policy,
                 DownloadObserver& observer) {
  uint64_t longest = SizeOf(part);
  std::chrono::milliseconds pause = policy.first_pause;
  for (int failures = 1;; ++failures) {
    const Outcome outcome = Attempt(url, part, wanted, policy, observer);
    if (outcome.what == Outcome::kComplete) return {};
    const bool wrong_bytes = outcome.code == ErrorCode::kDataLoss;
    if (wrong_bytes || outcome.what == Outcome::kStartOver) Remove(part);
    if (const uint64_t size = SizeOf(part); size > longest) {
      longest = size;
      failures = 1;
      pause = policy.first_pause;
    }
    if (outcome.what == Outcome::kGiveUp || failures >= policy.attempts)
      return {outcome.code, fmt::format("{}: {}", url, outcome.reason)};
    observer.OnNote(fmt::format("{}: {}; trying again, {} bytes are here", url, outcome.reason, SizeOf(part)));
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
}

Status MoveIntoPlace(const fs::path& part, const fs::path& to) {
  std::error_code error;
  fs::rename(part, to, error);
  if (error) return IoError("{}: cannot be written: {}", to.string(), error.message());
  return {};
}

}  // namespace

Status Fetch(const FetchRequest& request, const FetchPolicy& policy, DownloadObserver& observer) {
  if (request.check(request.to).ok()) return {};
  const fs::path part = request.to.string() + ".part";
  if (request.check(part).ok()) return MoveIntoPlace(part, request.to);  // killed after the last byte
  if (SizeOf(part) > request.most_bytes) Remove(part);
  std::string reasons;
  ErrorCode code = ErrorCode::kNotFound;
  for (const std::string& url : request.urls) {
    const Status status = FetchFrom(url, part, request, policy, observer);
    if (status.ok()) return MoveIntoPlace(part, request.to);
    if (code == ErrorCode::kNotFound) code = status.code();
    reasons += (reasons.empty() ? "" : "; ") + status.message();
  }
  if (SizeOf(part) == 0) Remove(part);
  return {code, reasons};
}

}  // namespace riffle
