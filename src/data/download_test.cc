// Data sets from a server on this machine: which files, where to, and once, however many ask.
#include "data/download.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <map>
#include <mutex>

#include "data/readers.h"
#include "download/checksum.h"
#include "download/testing/archives.h"
#include "download/testing/http_server.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string Text(const fs::path& path) {
  const std::vector<uint8_t> bytes = ReadBytes(path);
  return {bytes.begin(), bytes.end()};
}

// CIFAR's layout with two pictures a split, and MNIST's with one.
class DownloadDatasetTest : public testing::Test {
 protected:
  DownloadDatasetTest() : folder_(TestFolder()), server_([this](const HttpRequest& r) { return Serve(r); }) {
    const std::string record(3073, '\1');
    Publish("tiny.tar.gz",
            {{"tiny/train.bin", record + record}, {"tiny/test.bin", record}, {"tiny/names.txt", kNames}});
    url_ = server_.url() + "folder";
  }

  void Publish(const std::string& name, const std::vector<std::pair<std::string, std::string>>& files) {
    WriteTarGz(folder_ / name, files);
    {
      const std::lock_guard lock(mutex_);
      files_["/folder/" + name] = Text(folder_ / name);
    }
    md5_ = *DigestOfFile(Digest::kMd5, folder_ / name);
  }
  HttpAnswer Serve(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto file = files_.find(request.path);
    return file == files_.end() ? HttpAnswer{.status = 404} : HttpAnswer{.body = file->second};
  }
  Status Download() {
    const std::array<DownloadInfo, 1> downloads = {{{"tiny.tar.gz", md5_}}};
    const std::array<std::string_view, 1> urls = {url_};
    DatasetInfo info = info_;
    info.downloads = downloads;
    info.urls = urls;
    DownloadObserver silent;
    return DownloadDataset(info, folder_ / "data", how_, silent);
  }
  int requests() { return static_cast<int>(server_.requests().size()); }

  const fs::path folder_;
  std::mutex mutex_;  // of what the server's thread reads
  std::map<std::string, std::string> files_;
  HttpServer server_;
  std::string url_, md5_;
  DatasetDownload how_ = {.policy = {.attempts = 1, .first_pause = 1ms}};
  static constexpr const char* kNames = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
  static constexpr std::array<std::string_view, 1> kTrain = {"train.bin"}, kTest = {"test.bin"};
  static constexpr std::array<SplitInfo, 2> kSplits = {{{"train", 2, kTrain}, {"test", 1, kTest}}};
  DatasetInfo info_ = {.name = "tiny",
                       .layout = DatasetLayout::kCifar,
                       .num_classes = 10,
                       .native_size = 32,
                       .splits = kSplits,
                       .label_bytes = 1,
                       .class_names_file = "names.txt"};
};

TEST_F(DownloadDatasetTest, AnArchiveIsFetchedAndUnpackedOnce) {
  Status status = Download();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(fs::exists(folder_ / "data/tiny/tiny/train.bin"));
  status = Download();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(requests(), 1);
}

TEST_F(DownloadDatasetTest, WhatIsThereUnderAnyFolderIsNotFetched) {
  ASSERT_TRUE(Download().ok());
  fs::create_directories(folder_ / "other");
  fs::rename(folder_ / "data/tiny/tiny", folder_ / "other/mine");
  fs::remove_all(folder_ / "data");
  fs::rename(folder_ / "other", folder_ / "data");
  EXPECT_TRUE(Download().ok());
  EXPECT_EQ(requests(), 1);
}

TEST_F(DownloadDatasetTest, DamagedFilesComeAgainFromTheArchiveThatIsHere) {
  ASSERT_TRUE(Download().ok());
  fs::resize_file(folder_ / "data/tiny/tiny/train.bin", 100);
  const Status status = Download();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(fs::file_size(folder_ / "data/tiny/tiny/train.bin"), 2u * 3073);
  EXPECT_EQ(requests(), 1);
}

TEST_F(DownloadDatasetTest, OneProcessFetchesForAll) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(Download().ok() ? 0 : 1);
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(requests(), 1);
}

TEST_F(DownloadDatasetTest, AMirrorsFolderAndSumsReplaceThePublished) {
  url_ = "http://127.0.0.1:1/";
  md5_ = std::string(32, '0');
  how_.url = server_.url() + "folder/";
  EXPECT_THAT(Download().message(), AllOf(HasSubstr("tiny.tar.gz could not be fetched: "), HasSubstr("md5 expected"),
                                          HasSubstr("--dataset_url")));
  how_.checksums = folder_ / "MD5SUMS";
  std::ofstream(how_.checksums) << *DigestOfFile(Digest::kMd5, folder_ / "tiny.tar.gz") << "  tiny.tar.gz\n";
  const Status status = Download();
  ASSERT_TRUE(status.ok()) << status.message();
}

TEST_F(DownloadDatasetTest, SumsThatLeaveOutAFileAreRefusedBeforeAnythingIsAsked) {
  how_.checksums = folder_ / "MD5SUMS";
  std::ofstream(how_.checksums) << md5_ << "  other.tar.gz\n";
  const Status status = Download();
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("found none for tiny.tar.gz"));
  EXPECT_EQ(requests(), 0);
}

TEST_F(DownloadDatasetTest, AnArchiveWithoutTheFilesIsNamed) {
  Publish("tiny.tar.gz", {{"tiny/train.bin", std::string(2 * 3073, '\1')}, {"tiny/names.txt", kNames}});
  EXPECT_THAT(Download().message(), HasSubstr("test.bin"));
}

TEST_F(DownloadDatasetTest, AFileThatIsNotThereIsNamedWithItsUrl) {
  files_.clear();
  const Status status = Download();
  EXPECT_EQ(status.code(), ErrorCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr(url_ + "/tiny.tar.gz: the server answered 404"));
}

TEST_F(DownloadDatasetTest, FoldersOfPicturesCannotBeFetched) {
  info_ = **FindDataset("imagenet");
  DownloadObserver silent;
  const Status status = DownloadDataset(info_, folder_, {}, silent);
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("imagenet cannot be fetched"));
}

TEST(DownloadTableTest, EveryFileHasAnMd5AndAPlaceToComeFrom) {
  for (const char* name : {"mnist", "fashion_mnist", "cifar10", "cifar100"}) {
    const DatasetInfo& info = **FindDataset(name);
    EXPECT_FALSE(info.urls.empty()) << name;
    for (std::string_view url : info.urls) EXPECT_TRUE(url.starts_with("http") && url.ends_with("/")) << url;
    EXPECT_FALSE(info.downloads.empty()) << name;
    for (const DownloadInfo& file : info.downloads) {
      EXPECT_EQ(file.md5.size(), 32u) << file.file;
      EXPECT_EQ(file.md5.find_first_not_of("0123456789abcdef"), std::string_view::npos) << file.file;
    }
  }
}

}  // namespace
}  // namespace riffle
