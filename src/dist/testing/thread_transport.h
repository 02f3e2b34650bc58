// A transport between threads of one program: bytes are copied into boxes, one for each way and channel.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>

#include "dist/transport.h"

namespace riffle {

/// What the ranks share.
class ThreadPost {
 public:
  explicit ThreadPost(int size) : size_(size) {}
  int size() const { return size_; }

  void Send(int from, int to, int channel, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    boxes_[{from, to, channel}].emplace_back(bytes.begin(), bytes.end());
    changed_.notify_all();
  }
  std::vector<std::byte> Receive(int from, int to, int channel) {
    std::unique_lock lock(mutex_);
    auto& box = boxes_[{from, to, channel}];
    changed_.wait(lock, [&] { return !box.empty(); });
    std::vector<std::byte> bytes = std::move(box.front());
    box.pop_front();
    return bytes;
  }
  Transport::Farewell Leave(int rank, const Status& own) {
    std::unique_lock lock(mutex_);
    if (outcome_.status.ok() && !own.ok()) outcome_ = {rank, own};
    said_.insert(own.message());
    ++left_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return left_ == size_; });
    if (said_.size() == 1) outcome_.rank.reset();
    return outcome_;
  }

 private:
  const int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::tuple<int, int, int>, std::deque<std::vector<std::byte>>> boxes_;
  Transport::Farewell outcome_;
  int left_ = 0;
  std::set<std::string> said_;  // by those who left
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(int rank, std::shared_ptr<ThreadPost> post) : rank_(rank), post_(std::move(post)) {}

  int rank() const override { return rank_; }
  int size() const override { return post_->size(); }
  void Exchange(int channel, const std::vector<Outgoing>& out, const std::vector<Incoming>& in) override {
    for (const Outgoing& o : out)
      if (!o.bytes.empty()) post_->Send(rank_, o.to, channel, o.bytes);
    for (const Incoming& i : in)
      if (!i.bytes.empty()) std::ranges::copy(post_->Receive(i.from, rank_, channel), i.bytes.begin());
  }
  Farewell Leave(const Status& own) override { return post_->Leave(rank_, own); }

 private:
  const int rank_;
  const std::shared_ptr<ThreadPost> post_;
};

}  // namespace riffle
