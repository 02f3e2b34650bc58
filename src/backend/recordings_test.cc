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
