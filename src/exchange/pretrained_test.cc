#include "exchange/pretrained.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "download/testing/files.h"
#include "download/testing/http_server.h"
#include "exchange/weight_source.h"
#include "formats/zip.h"
#include "model/zoo.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;

TEST(PublishedNetworks, AreOfTheZooWithHashesAndConventions) {
  std::set<std::string_view> files;
  for (const PublishedNetwork& network : PublishedNetworks()) {
    SCOPED_TRACE(network.file);
    EXPECT_TRUE(FindModel(network.model).ok());
    EXPECT_TRUE(files.insert(network.file).second);
    EXPECT_TRUE(network.folder.starts_with("https://") && network.folder.ends_with("/"));
    EXPECT_EQ(network.hash.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_EQ(network.hash.size(), network.hashed == HashedContent::kFile ? 8u : 40u);
    EXPECT_THAT(std::string(network.file), HasSubstr(std::string(network.hash.substr(0, 8))));
    const std::string_view conventions = ConventionsOf(network);
    EXPECT_NE(std::ranges::find(kConventions, conventions, &NamedConventions::name), kConventions.end());
    EXPECT_TRUE(network.source.starts_with(conventions)) << "each of these publishers has a row of its own name";
  }
}

TEST(FindPublished, PrefersMindCvs) {
  for (const char* model : {"shufflenet_v1_g3_x0_5", "shufflenet_v1_g3_x1_0"})
    EXPECT_EQ((*FindPublished(model, "any"))->source, "mindcv") << model;
  EXPECT_EQ((*FindPublished("shufflenet_v1_g3_x1_0", "mmpretrain"))->top1_percent, 68.13);
  EXPECT_EQ((*FindPublished("shufflenet_v1_g8_x1_0", "any"))->source, "pytorchcv");
}

TEST(FindPublished, NamesTheModelsOrTheSourcesThatHaveSome) {
  EXPECT_THAT(FindPublished("shufflenet_v1_g4_x2_0", "any").status().message(),
              AllOf(HasSubstr("no published weights of shufflenet_v1_g4_x2_0"), HasSubstr("shufflenet_v1_g3_x2_0")));
  EXPECT_THAT(FindPublished("shufflenet_v1_g3_x0_5", "mmpretrain").status().message(),
              HasSubstr("but mindcv, mindcv_910v2 and pytorchcv have: --pretrained=mindcv"));
}

/// Sets a variable of the environment for as long as it lives; null removes it.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    Set(value);
  }
  ~Environment() { Set(before_ ? before_->c_str() : nullptr); }

 private:
  void Set(const char* value) { value ? setenv(name_, value, 1) : unsetenv(name_); }
  const char* name_;
  std::optional<std::string> before_;
};

TEST(WeightsFolder, IsRifflesThenTheCachesThenHomes) {
  const Environment home("HOME", "/home/a"), cache("XDG_CACHE_HOME", "/cache"), riffle("RIFFLE_HOME", "/r");
  EXPECT_EQ(*WeightsFolder(), "/r/weights");
  const Environment no_riffle("RIFFLE_HOME", nullptr);
  EXPECT_EQ(*WeightsFolder(), "/cache/riffle/weights");
  const Environment relative_cache("XDG_CACHE_HOME", "cache");
  EXPECT_EQ(*WeightsFolder(), "/home/a/.cache/riffle/weights") << "XDG's folders are absolute";
  const Environment no_home("HOME", nullptr);
  EXPECT_THAT(WeightsFolder().status().message(), HasSubstr("RIFFLE_HOME, XDG_CACHE_HOME and HOME"));
}

class FetchPublishedTest : public testing::Test {
 protected:
  FetchPublishedTest() : folder_(TestFolder()), server_([this](const HttpRequest& r) { return Serve(r); }) {
    url_ = server_.url() + "w/";
  }
  HttpAnswer Serve(const HttpRequest& request) const {
    return request.path == "/w/net.bin" ? HttpAnswer{.body = body_} : HttpAnswer{.status = 404};
  }
  Result<fs::path> Fetch(const std::string& mirror = "") {
    DownloadObserver silent;
    const FetchPolicy impatient{.attempts = 1, .first_pause = std::chrono::milliseconds(1)};
    return FetchPublished(network_, mirror, folder_ / "cache", impatient, silent);
  }
  int requests() { return static_cast<int>(server_.requests().size()); }

  const fs::path folder_;
  std::string body_ = "abc", url_;
  PublishedNetwork network_{.model = "m", .source = "s", .folder = "", .file = "net.bin", .hash = "ba7816bf"};
  HttpServer server_;
};

TEST_F(FetchPublishedTest, FetchesOnceAndKeepsTheFile) {
  network_.folder = url_;
  ASSERT_TRUE(Fetch().ok());
  const Result<fs::path> again = Fetch();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, folder_ / "cache/net.bin");
  EXPECT_EQ(*ReadFile(*again), (std::vector<uint8_t>{'a', 'b', 'c'}));
  EXPECT_EQ(requests(), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "cache"), {}), 1) << "nothing but the file stays";
}

TEST_F(FetchPublishedTest, FetchesADamagedCopyAnew) {
  network_.folder = url_;
  fs::create_directories(folder_ / "cache");
  WriteText(folder_ / "cache/net.bin", "ab");
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(ReadFile(folder_ / "cache/net.bin")->size(), 3u);
}

TEST_F(FetchPublishedTest, RefusesOtherBytesAndSaysWhatToDo) {
  network_.folder = url_;
  body_ = "abd";
  const auto fetched = Fetch();
  EXPECT_EQ(fetched.status().code(), ErrorCode::kDataLoss);
  EXPECT_THAT(fetched.status().message(),
              AllOf(HasSubstr("net.bin could not be fetched"), HasSubstr("sha256 expected ba7816bf..., found"),
                    HasSubstr("--pretrained_url")));
  EXPECT_FALSE(fs::exists(folder_ / "cache/net.bin"));
}

TEST_F(FetchPublishedTest, AsksAMirrorInThePlaceOfThePublisher) {
  network_.folder = "http://127.0.0.1:1/";
  EXPECT_TRUE(Fetch(url_.substr(0, url_.size() - 1)).ok()) << "with and without a slash";
  const Environment mirror("RIFFLE_PRETRAINED_URL", url_.c_str());
  fs::remove(folder_ / "cache/net.bin");
  EXPECT_TRUE(Fetch().ok());
  EXPECT_EQ(requests(), 2);
}

TEST_F(FetchPublishedTest, AMirrorMayBeAFolder) {
  network_.folder = "https://there/";
  EXPECT_THAT(Fetch(folder_.string()).status().message(), HasSubstr("expected net.bin there, for m of s"));
  WriteText(folder_ / "net.bin", "abc");
  EXPECT_EQ(*Fetch(folder_.string()), folder_ / "net.bin");
  WriteText(folder_ / "net.bin", "other");
  EXPECT_THAT(Fetch(folder_.string()).status().message(),
              AllOf(HasSubstr("sha256 expected ba7816bf"), HasSubstr("copy it again from https://there/net.bin")));
  EXPECT_EQ(requests(), 0);
}

TEST_F(FetchPublishedTest, AHashMayBeOfWhatIsInAnArchive) {
  const std::string content = "abc";
  const ZipContent file{"net.pth", {reinterpret_cast<const uint8_t*>(content.data()), content.size()}};
  const Result<ZipParts> zip = ZipParts::Make({&file, 1}, 1);
  body_.clear();
  for (const std::string_view part : zip->parts()) body_ += part;
  network_.folder = url_;
  network_.digest = Digest::kSha1;
  network_.hash = "a9993e364706816aba3e25717850c26c9cd0d89d";
  network_.hashed = HashedContent::kUnzipped;
  EXPECT_TRUE(Fetch().ok());
  fs::remove(folder_ / "cache/net.bin");
  body_ = "<html>not found</html>";
  EXPECT_EQ(Fetch().status().code(), ErrorCode::kDataLoss);
}

TEST_F(FetchPublishedTest, OneProcessFetchesForAll) {
  network_.folder = url_;
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { good += Fetch().ok(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
  EXPECT_EQ(requests(), 1);
}

}  // namespace
}  // namespace riffle
