// Threads of one program as the ranks of a world: what many processes do, in a test and under a sanitizer.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include "dist/communicator.h"

namespace riffle {

/// Where the ranks of one communicator meet. All that a collective does is made of one: each rank leaves a text and
/// gets those of all.
class MeetingPlace {
 public:
  explicit MeetingPlace(int size) : size_(size), said_(size) {}
  int size() const { return size_; }

  Result<std::vector<std::string>> Meet(int rank, std::string said) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lost_ >= 0 || !leaving_; });
    if (lost_ < 0) said_[rank] = std::move(said);
    if (++arrived_ == size_) leaving_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return lost_ >= 0 || leaving_; });
    if (!leaving_) return Unavailable("rank {} has gone", lost_);
    std::vector<std::string> all = said_;
    if (--arrived_ == 0) leaving_ = false;
    changed_.notify_all();
    return all;
  }

  /// `rank` comes to no further meeting.
  void Leave(int rank) {
    const std::lock_guard lock(mutex_);
    lost_ = rank;
    changed_.notify_all();
  }

  /// The place of the communicator that is made next: the same one for each rank.
  std::shared_ptr<MeetingPlace> Another(size_t number) {
    const std::lock_guard lock(mutex_);
    while (others_.size() <= number) others_.push_back(std::make_shared<MeetingPlace>(size_));
    return others_[number];
  }

 private:
  const int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> said_;
  std::vector<std::shared_ptr<MeetingPlace>> others_;
  int arrived_ = 0, lost_ = -1;
  bool leaving_ = false;  // all have arrived, some have not read yet
};

class ThreadRank : public Communicator {
 public:
  ThreadRank(int rank, std::shared_ptr<MeetingPlace> place) : rank_(rank), place_(std::move(place)) {}
  ~ThreadRank() override { place_->Leave(rank_); }

  int rank() const override { return rank_; }
  int size() const override { return place_->size(); }
  int local_rank() const override { return rank_; }
  int local_size() const override { return size(); }
  Status Sum(std::span<float> values) override { return SumOf(values); }
  Status Sum(std::span<double> values) override { return SumOf(values); }
  Status Sum(std::span<int64_t> values) override { return SumOf(values); }

  Status Broadcast(std::span<std::byte> values) override {
    RIFFLE_ASSIGN(const std::vector<std::string> all, GatherTexts(TextOf(std::as_bytes(values))));
    std::ranges::copy(std::as_bytes(std::span(all.front())), values.begin());
    return {};
  }
  Status Gather(std::span<const std::byte> own, std::span<std::byte> all) override {
    RIFFLE_ASSIGN(const std::vector<std::string> said, GatherTexts(TextOf(own)));
    for (size_t r = 0; r < said.size(); ++r)
      std::ranges::copy(std::as_bytes(std::span(said[r])), all.begin() + static_cast<int64_t>(r * own.size()));
    return {};
  }
  Result<std::vector<std::string>> GatherTexts(std::string_view own) override {
    return place_->Meet(rank_, std::string(own));
  }
  Result<std::unique_ptr<Communicator>> Duplicate() override {
    return std::unique_ptr<Communicator>(new ThreadRank(rank_, place_->Another(duplicates_++)));
  }
  std::string NameOf(int rank) const override { return fmt::format("rank {} on this host", rank); }

 private:
  static std::string TextOf(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  template <class T>
  Status SumOf(std::span<T> values) {
    RIFFLE_ASSIGN(const std::vector<std::string> all, GatherTexts(TextOf(std::as_bytes(values))));
    for (size_t i = 0; i < values.size(); ++i) {
      T sum = 0;
      for (const std::string& said : all) {
        T value;
        std::memcpy(&value, said.data() + i * sizeof(T), sizeof(T));
        sum += value;
      }
      values[i] = sum;
    }
    return {};
  }

  const int rank_;
  const std::shared_ptr<MeetingPlace> place_;
  size_t duplicates_ = 0;
};

/// Calls rank(communicator) in `size` threads, each with its own rank, and returns when all have returned. Sums run in
/// the order of the ranks. Where a rank returns, a collective that others wait in fails.
inline void RunRanks(int size, const std::function<void(Communicator&)>& rank) {
  const auto place = std::make_shared<MeetingPlace>(size);
  std::vector<std::thread> threads;
  for (int r = 0; r < size; ++r)
    threads.emplace_back([&, r] {
      ThreadRank communicator(r, place);
      rank(communicator);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace riffle
