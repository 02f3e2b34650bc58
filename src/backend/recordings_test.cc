// Recordings on a device that records: what runs when, and what a recording reads and keeps.
#include "backend/recordings.h"

#include <gtest/gtest.h>

#include "backend/testing/guarded_device.h"
#include "backend/testing/host_copy.h"

namespace riffle {
namespace {

/// An array that work copies to another; and how often that was called for.
class Copies {
 public:
  explicit Copies(GuardedDevice& device) : recordings_(device), from_(device, 1), to_(device, 1) {}

  void Enqueue(int key) {
    recordings_.Enqueue(key, [this] {
      ++calls;
      to_.CopyFrom(from_);
    });
  }
  /// Beside another process, which would do `other_way(way)` where this one would do `way`; negative: it is lost.
  Status EnqueueBeside(int key, const std::function<int64_t(int64_t)>& other_way) {
    const auto tell_all = [&](int64_t way) -> Result<std::vector<int64_t>> {
      const int64_t other = other_way(way);
      if (other < 0) return Unavailable("it is lost");
      return std::vector{way, other};
    };
    return recordings_.EnqueueTogether(
        key,
        [this] {
          ++calls;
          to_.CopyFrom(from_);
        },
        tell_all);
  }
  /// What was copied of this value.
  int Copied(int value, int key) {
    from_.Upload(std::vector{value});
    Enqueue(key);
    return HostCopy(to_)[0];
  }
  void Forget() { recordings_.Forget(); }

  int calls = 0;

 private:
  Recordings<int> recordings_;
  DeviceArray<int> from_, to_;
};

TEST(Recordings, RunFirstThenRecordThenCostOneAndReadWhatIsThereThen) {
  GuardedDevice device(true);
  Copies copies(device);
  for (int value = 1; value <= 5; ++value) EXPECT_EQ(copies.Copied(value, 0), value);
  EXPECT_EQ(copies.calls, 2) << "once to run, once to be recorded";
  EXPECT_EQ(device.recordings(), 1);
  EXPECT_EQ(device.replays(), 4);
}

TEST(Recordings, HaveOneForEachKey) {
  GuardedDevice device(true);
  Copies copies(device);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(copies.Copied(i, i % 3), i);
  EXPECT_EQ(copies.calls, 6);
  EXPECT_EQ(device.recordings(), 3);
}

TEST(Recordings, ForgetTheOldestOfTooMany) {
  GuardedDevice device(true);
  Copies copies(device);
  for (int key = 0; key < 17; ++key)
    for (int i = 0; i < 2; ++i) copies.Enqueue(key);
  copies.calls = 0;
  copies.Enqueue(16);
  EXPECT_EQ(copies.calls, 0);
  copies.Enqueue(0);
  EXPECT_EQ(copies.calls, 1) << "as for the first time";
}

TEST(Recordings, RunEachTimeWhereTheDeviceDoesNotRecord) {
  GuardedDevice device;
  Copies copies(device);
  for (int value = 1; value <= 3; ++value) EXPECT_EQ(copies.Copied(value, 0), value);
  EXPECT_EQ(copies.calls, 3);
}

/// A device that begins a recording, and has none at its end.
class LosingDevice : public GuardedDevice {
 public:
  LosingDevice() : GuardedDevice(true) {}
  std::unique_ptr<Recording> EndRecording() override {
    (void)GuardedDevice::EndRecording();
    return nullptr;
  }
};

TEST(Recordings, RunEachTimeWhereOneFailedAndDoNotTryAgain) {
  LosingDevice device;
  Copies copies(device);
  for (int value = 1; value <= 4; ++value) EXPECT_EQ(copies.Copied(value, 0), value);
  EXPECT_EQ(device.recordings(), 1);
}

TEST(Recordings, AreMadeAnewWhereMemoryOfTheDeviceMoved) {
  GuardedDevice device(true);
  Copies copies(device);
  DeviceArray<int> other(device, 1);
  for (int i = 0; i < 3; ++i) copies.Enqueue(0);
  other.Reserve(device, 1);
  copies.Enqueue(0);
  EXPECT_EQ(copies.calls, 2) << "nothing moved";
  other.Reserve(device, 2);
  for (int i = 0; i < 3; ++i) copies.Enqueue(0);
  EXPECT_EQ(copies.calls, 4);
  copies.Forget();
  copies.Enqueue(0);
  EXPECT_EQ(copies.calls, 5);
}

// Ways: 0 to run, 1 to record, more to enqueue what was recorded.
TEST(Recordings, AreMadeAndEnqueuedWhereAllCanDoThat) {
  GuardedDevice device(true);
  Copies copies(device);
  const auto expect = [&](const std::function<int64_t(int64_t)>& other_way, int calls, int recordings, int replays) {
    ASSERT_TRUE(copies.EnqueueBeside(0, other_way).ok());
    EXPECT_EQ(copies.calls, calls);
    EXPECT_EQ(device.recordings(), recordings);
    EXPECT_EQ(device.replays(), replays);
  };
  const auto as_this_one = [](int64_t way) { return way; };
  expect(as_this_one, 1, 0, 0);
  expect(as_this_one, 2, 1, 1);
  expect(as_this_one, 2, 1, 2);
  expect([](int64_t) { return 0; }, 3, 1, 2);  // the other one has not run it, and runs it
  bool asked = false;
  expect([&](int64_t way) { return std::exchange(asked, true) ? way : 1; }, 4, 2, 3);  // and records it next
  asked = false;
  expect([&](int64_t way) { return std::exchange(asked, true) ? way : way + 1; }, 5, 3, 4);  // has another one
  asked = false;
  expect([&](int64_t way) { return std::exchange(asked, true) ? 0 : 1 + 0 * way; }, 7, 4, 4);  // fails to record
  expect(as_this_one, 7, 4, 5);
}

TEST(Recordings, AreNotEnqueuedWhereAnotherProcessIsLost) {
  GuardedDevice device(true);
  Copies copies(device);
  EXPECT_EQ(copies.EnqueueBeside(0, [](int64_t) { return -1; }).code(), ErrorCode::kUnavailable);
  EXPECT_EQ(copies.calls, 0);
}

TEST(RecordingsDeathTest, TakeNoTransfersWaitsAndAllocations) {
  GuardedDevice device(true);
  DeviceArray<int> array(device, 1);
  int value = 1;
  ASSERT_TRUE(device.BeginRecording());
  EXPECT_DEATH(device.Upload(array.data(), &value, sizeof(value)), "a transfer within a recording");
  EXPECT_DEATH(device.Synchronize(), "a wait within a recording");
  EXPECT_DEATH(array.Reserve(device, 2), "an allocation within a recording");
  EXPECT_NE(device.EndRecording(), nullptr);
}

}  // namespace
}  // namespace riffle
