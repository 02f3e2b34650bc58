// A web server for tests, that serves well or badly as told: plain sockets on 127.0.0.1, one request a connection.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace riffle {

struct HttpRequest {
  int number = 0;      ///< from 1, of this server
  std::string path;    ///< "/folder/file"
  int64_t range = -1;  ///< first byte asked for; -1: the whole file
};

/// What to send. The body may be longer than what is sent of it, and the connection may stay open in silence.
struct HttpAnswer {
  int status = 200;
  std::string body = {};
  std::string location = {};     ///< of a redirection
  size_t send_bytes = SIZE_MAX;  ///< of the body, before the connection breaks
  bool then_stall = false;       ///< ... or stalls
  bool knows_ranges = true;
  bool says_length = true;  ///< otherwise the body ends with the connection
  bool is_endless = false;  ///< the body comes over and over
};

class HttpServer {
 public:
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;

  /// `converse`: what to do with a connection instead of HTTP.
  explicit HttpServer(Handler handler, std::function<void(int)> converse = {})
      : handler_(std::move(handler)), converse_(std::move(converse)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~HttpServer() {
    stopped_ = true;
    thread_.join();
    for (std::thread& connection : connections_) connection.join();
    close(listener_);
  }

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  std::vector<HttpRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static bool IsReadable(int socket, int milliseconds) {
    pollfd wanted{socket, POLLIN, 0};
    return poll(&wanted, 1, milliseconds) > 0;
  }

  void Serve() {
    while (!stopped_) {
      if (!IsReadable(listener_, 20)) continue;
      const int connection = accept(listener_, nullptr, nullptr);
      connections_.emplace_back([this, connection] {
        converse_ ? converse_(connection) : Answer(connection);
        close(connection);
      });
    }
  }

  void Answer(int connection) {
    std::string head;
    char block[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      if (stopped_ || !IsReadable(connection, 1000)) return;
      const ssize_t bytes = recv(connection, block, sizeof block, 0);
      if (bytes <= 0) return;
      head.append(block, static_cast<size_t>(bytes));
    }
    HttpRequest request;
    request.path = head.substr(4, head.find(' ', 4) - 4);
    if (const size_t at = head.find("Range: bytes="); at != std::string::npos)
      request.range = std::atoll(head.c_str() + at + 13);
    {
      const std::lock_guard lock(mutex_);
      request.number = static_cast<int>(requests_.size()) + 1;
      requests_.push_back(request);
    }
    Send(connection, request, handler_(request));
  }

  void Send(int connection, const HttpRequest& request, const HttpAnswer& answer) {
    int status = answer.status;
    std::string body = answer.body, fields;
    if (request.range >= 0 && status == 200 && answer.knows_ranges) {
      const size_t begin = static_cast<size_t>(request.range);
      status = begin < body.size() ? 206 : 416;
      fields = "Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(body.size() - 1) + "/" +
               std::to_string(body.size()) + "\r\n";
      body = begin < body.size() ? body.substr(begin) : "";
    }
    if (answer.says_length) fields += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!answer.location.empty()) fields += "Location: " + answer.location + "\r\n";
    const std::string head =
        "HTTP/1.1 " + std::to_string(status) + " As Told\r\nConnection: close\r\n" + fields + "\r\n";
    const std::string text = head + body.substr(0, std::min(body.size(), answer.send_bytes));
    send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    while (answer.is_endless && !stopped_ && send(connection, body.data(), body.size(), MSG_NOSIGNAL) > 0) {
    }
    while (answer.then_stall && !stopped_ && !IsReadable(connection, 20)) {
    }
  }

  const Handler handler_;
  const std::function<void(int)> converse_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace riffle
