// The three options of downloads, with a server on this machine that has Debian's files of Fashion-MNIST.
#include "cli/download.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "data/registry.h"
#include "download/checksum.h"
#include "download/testing/http_server.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

class DownloadOptions : public testing::Test {
 protected:
  DownloadOptions() : server_([this](const HttpRequest& request) { return Serve(request); }) {
    std::ofstream sums(folder_ / "MD5SUMS");
    for (const DownloadInfo& download : dataset_.downloads)
      sums << *DigestOfFile(Digest::kMd5, FileOf(download)) << "  " << download.file << '\n';
  }
  fs::path FileOf(const DownloadInfo& download) const { return fs::path(dataset_.system_folder) / download.file; }
  HttpAnswer Serve(const HttpRequest& request) const {
    const Result<std::vector<uint8_t>> bytes =
        ReadFile(fs::path(dataset_.system_folder) / fs::path(request.path).filename());
    return bytes.ok() ? HttpAnswer{.body = {bytes->begin(), bytes->end()}} : HttpAnswer{.status = 404};
  }
  Status Download(bool asked, const std::string& checksums) {
    Options options;
    options.dataset = dataset_.name;
    options.data_dir = folder_ / "data";
    options.dataset_download = asked;
    options.dataset_url = server_.url() + "mirror";
    options.dataset_checksums = checksums;
    std::ostringstream out;
    Log log(out, 0);
    return DownloadIfAsked(options, log);
  }

  const fs::path folder_ = TestFolder();
  const DatasetInfo& dataset_ = **FindDataset("fashion_mnist");
  HttpServer server_;
};

TEST_F(DownloadOptions, NothingIsFetchedUnlessItIsAskedFor) {
  EXPECT_TRUE(Download(false, "").ok());
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_FALSE(fs::exists(folder_ / "data"));
}

TEST_F(DownloadOptions, AMirrorThatPacksAnewIsTakenByItsOwnSums) {
  const Status status = Download(true, folder_ / "MD5SUMS");
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(server_.requests().size(), dataset_.downloads.size());
  EXPECT_TRUE(server_.requests().front().path.starts_with("/mirror/"));
  for (const DownloadInfo& download : dataset_.downloads)
    EXPECT_EQ(fs::file_size(folder_ / "data" / dataset_.name / download.file), fs::file_size(FileOf(download)));
  EXPECT_TRUE(Download(true, folder_ / "MD5SUMS").ok());
  EXPECT_EQ(server_.requests().size(), dataset_.downloads.size()) << "fetched again what was there";
}

TEST_F(DownloadOptions, ThePublishersSumsHoldUnlessOthersAreNamed) {
  EXPECT_THAT(Download(true, "").message(), testing::HasSubstr("md5"));
}

}  // namespace
}  // namespace riffle
