// Ops that come again and again, recorded where the device can.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "backend/device.h"

namespace riffle {

/// What was enqueued for a key is enqueued again with the pointers and numbers of then: the ops run when a key comes
/// for the first time, are recorded when it comes again, and from then on cost one. Where the device does not record
/// they run each time. All is forgotten where DeviceArray::Reserve gives memory of the device back, which recordings
/// may point to; who lets go of other memory says so by Forget(). Not thread-safe.
template <class Key>
class Recordings {
 public:
  /// The device must outlive them.
  explicit Recordings(Device& device) : device_(device) {}

  /// `enqueue()` calls ops, and the device's Copy and Zero; for equal keys the same ones.
  template <class F>
  void Enqueue(const Key& key, const F& enqueue) {
    ForgetMoved();
    const auto known = std::ranges::find(entries_, key, &Entry::key);
    if (known == entries_.end()) {
      enqueue();
      ForgetMoved();
      if (entries_.size() == kMost) entries_.erase(entries_.begin());
      entries_.push_back({.key = key});
      return;
    }
    if (!std::exchange(known->tried, true) && device_.BeginRecording()) {
      enqueue();
      known->recording = device_.EndRecording();
    }
    known->recording ? known->recording->Enqueue() : enqueue();
  }

  void Forget() { entries_.clear(); }

 private:
  static constexpr size_t kMost = 16;  // of which the oldest goes first

  struct Entry {
    Key key;
    bool tried = false;                              // to record
    std::unique_ptr<Recording> recording = nullptr;  // null: none yet, or the device does not record
  };

  void ForgetMoved() {
    if (std::exchange(moves_, device_.moves()) != device_.moves()) Forget();
  }

  Device& device_;
  std::vector<Entry> entries_;
  int64_t moves_ = 0;  // of the device's memory, when the entries were made
};

}  // namespace riffle
