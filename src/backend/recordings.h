// Ops that come again and again, recorded where the device can.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backend/device.h"
#include "base/status.h"

namespace riffle {

/// What was enqueued for a key is enqueued again with the pointers and numbers of then: the ops run when a key comes
/// for the first time, are recorded when it comes again, and from then on cost one. Where the device does not record
/// they run each time. All is forgotten where DeviceArray::Reserve gives memory of the device back, which recordings
/// may point to; who lets go of other memory says so by Forget(). Not thread-safe.
///
/// Of several processes whose ops wait for one another each has its own, with keys and memory of its own; what is done
/// with the ops of a call, which of it was recorded when, must be the same at all (EnqueueTogether).
template <class Key>
class Recordings {
 public:
  /// The device must outlive them.
  explicit Recordings(Device& device) : device_(device) {}

  /// `enqueue()` calls ops, and the device's Copy and Zero; for equal keys the same ones.
  template <class F>
  void Enqueue(const Key& key, const F& enqueue) {
    int64_t way = WayOf(key);
    if (way == kRecord) way = Record(key, enqueue);
    Go(way, key, enqueue);
  }

  /// The same where processes enqueue together. `tell_all(way)` gives a Result of the ways of all of them, as a
  /// std::vector<int64_t>: it is collective. Errors are its own; then nothing is enqueued.
  template <class F, class Tell>
  Status EnqueueTogether(const Key& key, const F& enqueue, const Tell& tell_all) {
    RIFFLE_ASSIGN(std::vector<int64_t> ways, tell_all(WayOf(key)));
    if (Common(ways) == kRecord) {
      RIFFLE_ASSIGN(ways, tell_all(Record(key, enqueue)));
    }
    Go(Common(ways), key, enqueue);
    return {};
  }

  void Forget() { entries_.clear(); }

 private:
  static constexpr size_t kMost = 16;  // of which the oldest goes first

  // What is done with ops: they run, or are recorded, or the recording of this number and above is enqueued, which
  // counts those that were made.
  static constexpr int64_t kRun = 0, kRecord = 1, kFirstRecording = 2;

  struct Entry {
    Key key;
    bool tried = false;                              // to record
    std::unique_ptr<Recording> recording = nullptr;  // null: none yet, or the device does not record
    int64_t number = 0;                              // of the recording
  };

  Entry* Find(const Key& key) {
    const auto known = std::ranges::find(entries_, key, &Entry::key);
    return known == entries_.end() ? nullptr : &*known;
  }

  int64_t WayOf(const Key& key) {
    ForgetMoved();
    const Entry* const known = Find(key);
    if (known == nullptr) return kRun;
    if (known->recording) return known->number;
    return known->tried ? kRun : kRecord;
  }

  // Where some have no recording, or another one, those that have run the ops record them anew.
  static int64_t Common(const std::vector<int64_t>& ways) {
    const auto [least, most] = std::ranges::minmax(ways);
    return least == most ? least : std::min(least, kRecord);
  }

  // Returns the way of the key from now on.
  template <class F>
  int64_t Record(const Key& key, const F& enqueue) {
    Entry& known = *Find(key);
    known.tried = true;
    known.recording = nullptr;
    known.number = kFirstRecording + recorded_++;
    if (device_.BeginRecording()) {
      enqueue();
      known.recording = device_.EndRecording();
    }
    return WayOf(key);
  }

  template <class F>
  void Go(int64_t way, const Key& key, const F& enqueue) {
    if (way != kRun) return Find(key)->recording->Enqueue();
    enqueue();
    ForgetMoved();
    if (Find(key)) return;
    if (entries_.size() == kMost) entries_.erase(entries_.begin());
    entries_.push_back({.key = key});
  }

  void ForgetMoved() {
    if (std::exchange(moves_, device_.moves()) != device_.moves()) Forget();
  }

  Device& device_;
  std::vector<Entry> entries_;
  int64_t moves_ = 0;     // of the device's memory, when the entries were made
  int64_t recorded_ = 0;  // times that something was to be recorded
};

}  // namespace riffle
