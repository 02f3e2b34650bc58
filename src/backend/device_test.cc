// What each device promises, and that a guarded one finds the host where it must not be.
#include "backend/device.h"

#include <gtest/gtest.h>

#include <vector>

#include "backend/testing/guarded_device.h"
#include "backend/testing/host_copy.h"
#include "base/arena.h"

namespace riffle {
namespace {

class DeviceOf : public testing::TestWithParam<Device*> {
 protected:
  Device& device() { return *GetParam(); }
  ThreadPool pool_{1};
};

TEST_P(DeviceOf, MemoryIsZeroedAndAlignedAtAnySize) {
  for (const size_t values : {1, 17, 100000, 5 << 20}) {
    const DeviceArray<float> array(device(), values);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data()) % kCacheLineBytes, 0u);
    EXPECT_EQ(HostCopy(array), std::vector<float>(values));
  }
}

TEST_P(DeviceOf, StagingIsMemoryOfTheHost) {
  StagingArray<int32_t> staging(device(), 3), none;
  EXPECT_TRUE(none.empty());
  ASSERT_FALSE(staging.empty());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(staging.data()[i]++, 0);
  EXPECT_EQ(HostCopy(DeviceArray<int32_t>(device(), std::span<const int32_t>(staging.data(), 3))),
            std::vector<int32_t>(3, 1));
}

TEST_P(DeviceOf, ValuesGoInAndAcrossAndOut) {
  const std::vector<double> values = {1, 2, 3};
  DeviceArray<double> from(device(), values), to(device(), 3);
  to.CopyFrom(from);
  from.Zero();
  EXPECT_EQ(HostCopy(from), std::vector<double>(3));
  EXPECT_EQ(HostCopy(to), values);
  from.Upload(std::vector<double>{4, 5, 6});
  EXPECT_EQ(HostCopy({.pool = pool_, .device = device()}, from.data() + 1, 2), (std::vector<double>{5, 6}));
}

TEST_P(DeviceOf, AnArrayMovesAndLeavesAnEmptyOne) {
  static_assert(std::is_nothrow_move_constructible_v<DeviceArray<float>>, "vectors of them move");
  static_assert(std::is_nothrow_move_assignable_v<DeviceArray<float>>);
  static_assert(!std::is_copy_constructible_v<DeviceArray<float>>);
  DeviceArray<float> a(device(), 3);
  const float* data = a.data();
  DeviceArray<float> b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(b.size(), 3u);
  EXPECT_EQ(b.bytes(), 12u);
  EXPECT_EQ(a.size(), 0u);
  EXPECT_EQ(a.data(), nullptr);
}

TEST_P(DeviceOf, AnEmptyArrayIsNullAndTakesPartInEverything) {
  DeviceArray<float> none, empty(device(), 0);
  EXPECT_EQ(empty.data(), nullptr);
  none.CopyFrom(empty);
  none.Zero();
  none.Upload({});
  EXPECT_TRUE(HostCopy(none).empty());
}

TEST_P(DeviceOf, ReserveKeepsWhatIsLargeEnough) {
  DeviceArray<float> array;
  array.Reserve(device(), 2);
  array.Upload(std::vector<float>{1, 2});
  array.Reserve(device(), 1);
  EXPECT_EQ(HostCopy(array), (std::vector<float>{1, 2}));
  array.Reserve(device(), 3);
  EXPECT_EQ(HostCopy(array), std::vector<float>(3));
}

TEST_P(DeviceOf, ReadsInputsInPlaceWhereItCanAndElseFromACopyOfTheirValues) {
  const std::vector<float> values = {1, 2, 3, 4, 5};  // rows of 2 and 2, the first one padded
  const Rows<const float> rows{values.data(), 3};
  DeviceInput<float> input;
  const Execution execution{pool_, device()};
  const float* whole = input.At(device(), values);
  EXPECT_EQ(whole == values.data(), device().ReadsHostMemory());
  EXPECT_EQ(HostCopy(execution, whole, 5), values);
  DeviceInput<float> input_of_rows;
  const Rows<const float> found = input_of_rows.At(device(), rows, 2, 2);
  EXPECT_EQ(found.data == values.data(), device().ReadsHostMemory());
  EXPECT_EQ(HostCopy(execution, found[0], 2), (std::vector<float>{1, 2}));
  EXPECT_EQ(HostCopy(execution, found[1], 2), (std::vector<float>{4, 5}));
}

GuardedDevice guarded;

INSTANTIATE_TEST_SUITE_P(Devices, DeviceOf, testing::Values(&CpuDevice(), &guarded),
                         [](const auto& test) { return test.index == 0 ? "Cpu" : "Guarded"; });

TEST(GuardedDeviceDeathTest, EndsTheProgramWhereTheHostReadsOrWritesItsMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  GuardedDevice device;
  DeviceArray<float> array(device, 1);
  EXPECT_DEATH(*array.data() = 1, "");
  EXPECT_DEATH(std::exit(*array.data() == 0 ? 0 : 1), "");
  {
    const GuardedDevice::Opening opening(device);
    *array.data() = 2;
  }
  EXPECT_EQ(HostCopy(array), std::vector<float>{2});
}

}  // namespace
}  // namespace riffle
