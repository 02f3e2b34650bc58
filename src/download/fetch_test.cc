// Downloads against a server on this machine that does all that servers do.
#include "download/fetch.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "download/checksum.h"
#include "download/testing/files.h"
#include "download/testing/http_server.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

// 300,000 bytes: more than one packet. Its sum is computed by the code under test, which ChecksumTest holds to RFC
// 1321.
const std::string& Content() {
  static const std::string content = [] {
    std::string text;
    for (int i = 0; text.size() < 300000; ++i) text += std::to_string(i * i) + " ";
    return text;
  }();
  return content;
}

class FetchTest : public testing::Test, public DownloadObserver {
 protected:
  FetchTest() : folder_(TestFolder()), file_(folder_ / "data.bin") {
    WriteText(folder_ / "original", Content());
    md5_ = *DigestOfFile(Digest::kMd5, folder_ / "original");
  }

  Status FetchFrom(std::vector<std::string> urls) {
    const FetchPolicy patience{.attempts = 3, .first_pause = 1ms, .connect_timeout = 2s, .stall_timeout = 1s};
    return Fetch(
        {.urls = std::move(urls), .to = file_, .check = HasDigest(Digest::kMd5, md5_), .most_bytes = most_bytes_},
        patience, *this);
  }
  Status FetchFrom(const HttpServer& server) { return FetchFrom({server.url() + "data.bin"}); }

  void ExpectWhole(const Status& status) {
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(*ReadTextFile(file_), Content());
    EXPECT_FALSE(std::filesystem::exists(part()));
  }
  void ExpectError(const Status& status, ErrorCode code, const std::string& text) {
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_THAT(status.message(), HasSubstr(text));
    EXPECT_FALSE(std::filesystem::exists(file_));
  }
  std::filesystem::path part() const { return file_.string() + ".part"; }

  void OnBytes(std::string_view file, uint64_t done, uint64_t total) override {
    EXPECT_EQ(file, "data.bin");
    if (total_is_known_) {
      EXPECT_TRUE(done >= last_done_ || starts_anew_) << "progress goes back from " << last_done_ << " to " << done;
      EXPECT_EQ(total, Content().size());
    }
    last_done_ = done;
  }

  const std::filesystem::path folder_, file_;
  std::string md5_;
  uint64_t last_done_ = 0, most_bytes_ = FetchRequest{}.most_bytes;
  bool total_is_known_ = true, starts_anew_ = false;
};

TEST_F(FetchTest, AFileComesWholeAndIsNotFetchedTwice) {
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  ExpectWhole(FetchFrom(server));
  EXPECT_EQ(last_done_, Content().size());
  ExpectWhole(FetchFrom(server));
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].path, "/data.bin");
}

TEST_F(FetchTest, ATruncatedTransferGoesOnWhereItBroke) {
  HttpServer server([](const HttpRequest& request) {
    return HttpAnswer{.body = Content(), .send_bytes = request.number <= 5 ? 50000 : SIZE_MAX};
  });
  ExpectWhole(FetchFrom(server));  // more breaks than attempts: each brought new bytes
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 6u);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(requests[i].range, i == 0 ? -1 : 50000 * i);
}

TEST_F(FetchTest, ALaterProcessGoesOnToo) {
  WriteText(part(), Content().substr(0, 1000));
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  ExpectWhole(FetchFrom(server));
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].range, 1000);
}

TEST_F(FetchTest, AServerWithoutRangesSendsItAllAgain) {
  HttpServer server([](const HttpRequest& request) {
    return HttpAnswer{.body = Content(), .send_bytes = request.number == 1 ? 70000 : SIZE_MAX, .knows_ranges = false};
  });
  ExpectWhole(FetchFrom(server));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(FetchTest, AServerThatAlwaysTruncatesIsGivenUp) {
  HttpServer server(
      [](const HttpRequest&) { return HttpAnswer{.body = Content(), .send_bytes = 70000, .knows_ranges = false}; });
  ExpectError(FetchFrom(server), ErrorCode::kIo, server.url() + "data.bin: ");
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(FetchTest, AWholePartIsOnlyMovedAndAnOverlongOneStartedAnew) {
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  WriteText(part(), Content());
  ExpectWhole(FetchFrom(server));
  EXPECT_EQ(server.requests().size(), 0u);
  std::filesystem::remove(file_);
  WriteText(part(), Content() + "x");  // answered with 416
  ExpectWhole(FetchFrom(server));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(FetchTest, APartOfAnotherVersionIsStartedAnew) {
  starts_anew_ = true;
  WriteText(part(), std::string(1000, 'x'));
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  ExpectWhole(FetchFrom(server));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].range, 1000);
  EXPECT_EQ(requests[1].range, -1);
}

TEST_F(FetchTest, AStalledTransferIsBrokenOffAndGoesOn) {
  HttpServer server([](const HttpRequest& request) {
    const bool stalls = request.number == 1;
    return HttpAnswer{.body = Content(), .send_bytes = stalls ? 1000 : SIZE_MAX, .then_stall = stalls};
  });
  ExpectWhole(FetchFrom(server));
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].range, 1000);
}

TEST_F(FetchTest, RedirectionsAreFollowedButNotForEver) {
  HttpServer server([](const HttpRequest& request) {
    if (request.path == "/data.bin") return HttpAnswer{.status = 302, .body = "moved", .location = "/there"};
    if (request.path == "/round") return HttpAnswer{.status = 301, .location = "/round"};
    return HttpAnswer{.body = Content()};
  });
  ExpectError(FetchFrom({server.url() + "round"}), ErrorCode::kIo, "redirects");
  ExpectWhole(FetchFrom(server));
}

TEST_F(FetchTest, AFullDiskIsToldByItsNameAndLeavesNoPart) {
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  std::filesystem::create_symlink("/dev/full", part());
  ExpectError(FetchFrom(server), ErrorCode::kIo, part().string() + ": cannot write: No space left on device");
  EXPECT_EQ(server.requests().size(), 1u) << "another try would find it full, too";
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(part())));
}

TEST_F(FetchTest, AMissingFileIsNamedAtOnce) {
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.status = 404, .body = "<html>not here</html>"}; });
  ExpectError(FetchFrom(server), ErrorCode::kNotFound, server.url() + "data.bin: the server answered 404");
  EXPECT_EQ(server.requests().size(), 1u) << "asking again would not help";
  EXPECT_FALSE(std::filesystem::exists(part())) << "the page that explains is no data";
}

TEST_F(FetchTest, AServerInTroubleIsAskedAgain) {
  HttpServer server([](const HttpRequest& request) {
    return HttpAnswer{.status = request.number < 3 ? 500 + request.number : 200, .body = Content()};
  });
  ExpectWhole(FetchFrom(server));
  std::filesystem::remove(file_);
  HttpServer broken([](const HttpRequest&) { return HttpAnswer{.status = 500}; });
  ExpectError(FetchFrom(broken), ErrorCode::kIo, "the server answered 500");
  EXPECT_EQ(broken.requests().size(), 3u);
}

TEST_F(FetchTest, WrongBytesAreRemovedAndBothSumsNamed) {
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = std::string(Content().size(), 'x')}; });
  const Status status = FetchFrom(server);
  ExpectError(status, ErrorCode::kDataLoss, "md5 expected " + md5_ + ", found ");
  EXPECT_FALSE(std::filesystem::exists(part()));
}

TEST_F(FetchTest, ADamagedFileIsReplacedAndKeptUntilThen) {
  WriteText(file_, "damaged");
  HttpServer missing([](const HttpRequest&) { return HttpAnswer{.status = 404}; });
  EXPECT_FALSE(FetchFrom(missing).ok());
  EXPECT_EQ(*ReadTextFile(file_), "damaged");
  HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  ExpectWhole(FetchFrom(server));
}

TEST_F(FetchTest, MirrorsAreTriedInTheirOrderAndAllNamedInTheEnd) {
  HttpServer first([](const HttpRequest&) { return HttpAnswer{.status = 403}; });
  HttpServer second([](const HttpRequest& request) {
    return HttpAnswer{.status = request.number <= 3 ? 503 : 200, .body = Content()};
  });
  const std::string nobody = "http://127.0.0.1:1/data.bin";
  const Status status = FetchFrom({nobody, first.url() + "a", second.url() + "b"});
  ExpectError(status, ErrorCode::kIo, nobody);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(first.url() + "a: the server answered 403; "),
                                      HasSubstr(second.url() + "b: the server answered 503")));
  ExpectWhole(FetchFrom({nobody, first.url() + "a", second.url() + "b"}));
}

TEST_F(FetchTest, OnlyTheWebIsAskedNotThisMachinesFiles) {
  ExpectError(FetchFrom({"file://" + (folder_ / "original").string()}), ErrorCode::kIo, "file");
}

TEST_F(FetchTest, MoreThanTheFileCanHaveIsNotWaitedFor) {
  most_bytes_ = Content().size() - 1;
  total_is_known_ = false;
  HttpServer announced([](const HttpRequest&) { return HttpAnswer{.body = Content()}; });
  HttpServer silent([](const HttpRequest&) { return HttpAnswer{.body = Content(), .says_length = false}; });
  HttpServer endless(
      [](const HttpRequest&) { return HttpAnswer{.body = Content(), .says_length = false, .is_endless = true}; });
  for (HttpServer* server : {&announced, &silent, &endless}) {
    WriteText(part(), "what an earlier attempt left");
    ExpectError(FetchFrom(*server), ErrorCode::kDataLoss, fmt::format("it sends more than {} bytes", most_bytes_));
    EXPECT_FALSE(std::filesystem::exists(part()));
    EXPECT_LE(server->requests().size(), 2u) << "asking again would not help";
  }
}

TEST_F(FetchTest, AFileWhoseLengthNobodySaysMayBeAsLongAsItCan) {
  most_bytes_ = Content().size();
  total_is_known_ = false;
  HttpServer silent([](const HttpRequest&) { return HttpAnswer{.body = Content(), .says_length = false}; });
  ExpectWhole(FetchFrom(silent));
}

TEST_F(FetchTest, WhatAServerSendsBeyondItsOwnLengthIsNotTaken) {
  HttpServer endless([](const HttpRequest&) { return HttpAnswer{.body = Content(), .is_endless = true}; });
  ExpectWhole(FetchFrom(endless));
}

// A certificate that only its owner vouches for.
SSL_CTX* SelfSignedContext() {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* const key = EVP_RSA_gen(2048);
  X509* const certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  EXPECT_EQ(SSL_CTX_use_certificate(context, certificate), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

TEST_F(FetchTest, ACertificateThatNobodySignedIsNotTrusted) {
  SSL_CTX* const context = SelfSignedContext();
  std::atomic<bool> trusted = false;
  {
    HttpServer server([](const HttpRequest&) { return HttpAnswer{.body = Content()}; },
                      [&](int connection) {
                        SSL* const session = SSL_new(context);
                        SSL_set_fd(session, connection);
                        char byte;
                        if (SSL_accept(session) == 1 && SSL_read(session, &byte, 1) == 1) trusted = true;
                        SSL_free(session);
                      });
    const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/data.bin";
    ExpectError(FetchFrom({url}), ErrorCode::kIo, "certificate is not trusted");
  }
  EXPECT_FALSE(trusted) << "a request went to a server that may be anyone";
  SSL_CTX_free(context);
}

}  // namespace
}  // namespace riffle
