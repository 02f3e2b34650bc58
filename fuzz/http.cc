// What a server says: its first answer, a NUL, the answer to everything that is asked after it. The file is fetched if
// its bytes are right, and otherwise not there. Other servers are out of reach: all requests go through this one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "download/fetch.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

constexpr std::string_view kContent = "0123456789";

/// Serves raw bytes as long as the process runs.
class Server {
 public:
  Server() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    Require(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener_, 64) == 0 &&
                getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
            "a server can be started");
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    for (const char* proxy : {"http_proxy", "https_proxy", "all_proxy"}) setenv(proxy, url_.c_str(), 1);
    std::thread([this] { Serve(); }).detach();
  }

  const std::string& url() const { return url_; }

  void SetAnswers(std::string_view first, std::string_view later) {
    const std::lock_guard lock(mutex_);
    first_ = first, later_ = later;
  }

 private:
  [[noreturn]] void Serve() {
    for (;;) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      ReadHead(connection);
      const std::string answer = NextAnswer();
      send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      shutdown(connection, SHUT_WR);
      char rest[4096];
      while (recv(connection, rest, sizeof rest, 0) > 0) {
      }
      close(connection);
    }
  }

  static void ReadHead(int connection) {
    std::string head;
    char block[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      const ssize_t bytes = recv(connection, block, sizeof block, 0);
      if (bytes <= 0) return;
      head.append(block, static_cast<size_t>(bytes));
    }
  }

  std::string NextAnswer() {
    const std::lock_guard lock(mutex_);
    std::string answer = std::move(first_);
    first_ = later_;
    return answer;
  }

  int listener_ = -1;
  std::string url_;
  std::mutex mutex_;
  std::string first_, later_;
};

void Check(std::string_view input) {
  static Server* const server = new Server;  // its thread uses it to the end
  const auto [first, later] = AtNul(input);
  server->SetAnswers(first, later);
  const std::filesystem::path to = FuzzFolder() / "fetched", part = FuzzFolder() / "fetched.part";
  std::filesystem::remove(to);
  std::filesystem::remove(part);
  const FetchRequest request = {.urls = {server->url() + "/file"},
                                .to = to,
                                .check = HasDigest(Digest::kMd5, "781e5e245d69b566979b86e28d23f2c7"),
                                .most_bytes = 200};
  const FetchPolicy policy = {.attempts = 2,
                              .first_pause = {},
                              .connect_timeout = std::chrono::seconds(1),
                              .stall_timeout = std::chrono::seconds(1)};
  DownloadObserver nobody;
  if (!IsFine(Fetch(request, policy, nobody), input)) {
    Require(!std::filesystem::exists(to), "what was not fetched is not there");
    return;
  }
  const auto content = ReadTextFile(to);
  Require(content.ok() && *content == kContent, "what was fetched has the right bytes");
  Require(!std::filesystem::exists(part), "and no part of it is left");
}

std::string Answer(std::string_view status, std::string_view fields, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\n{}\r\n{}", status, fields, body);
}

std::vector<std::string> Seeds() {
  const std::string whole = Answer("200 OK", "Content-Length: 10\r\n", kContent);
  const std::string half = Answer("200 OK", "Content-Length: 10\r\n", "01234");
  const auto then = [](const std::string& first, const std::string& later) { return first + '\0' + later; };
  return {whole,
          then(half, Answer("206 Partial Content", "Content-Range: bytes 5-9/10\r\nContent-Length: 5\r\n", "56789")),
          then(half, whole),
          then(half, Answer("416 Range Not Satisfiable", "Content-Range: bytes */10\r\n", "")),
          then(half, Answer("206 Partial Content", "Content-Range: bytes 0-9/10\r\n", kContent)),
          Answer("404 Not Found", "", "no"),
          then(Answer("503 Busy", "Retry-After: 1\r\n", ""), whole),
          then(Answer("302 Found", "Location: /else\r\n", ""), whole),
          then(Answer("301 Moved", "Location: ftp://127.0.0.1/x\r\n", ""), whole),
          Answer("200 OK", "Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"),
          Answer("200 OK", "Content-Encoding: gzip\r\nContent-Length: 10\r\n", kContent)};
}

std::vector<std::string> Words() {
  return {"HTTP/1.1 ",
          "HTTP/1.0 ",
          "HTTP/2 ",
          "Content-Length: ",
          "Content-Range: bytes ",
          "Transfer-Encoding: chunked",
          "Location: ",
          "https://",
          "http://",
          "file:///",
          "\r\n",
          "\r\n\r\n",
          "206",
          "416",
          "302",
          "200",
          "/10",
          "*",
          "0-9",
          "18446744073709551615",
          "-1",
          "Connection: keep-alive",
          "Trailer: "};
}

}  // namespace

FuzzTarget HttpTarget() {
  return {.name = "http",
          .reads = "the answers of a web server",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .max_bytes = 1024};
}

}  // namespace riffle
