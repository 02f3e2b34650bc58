// How a command ends.
#include "cli/run.h"

#include <gtest/gtest.h>

#include "backend/device_array.h"
#include "backend/testing/failing_device.h"

namespace riffle {
namespace {

// What a command of these words says where the memory of its device does not suffice.
std::string OutOfMemoryOf(std::vector<std::string> words) {
  FailingDevice device;
  device.most_bytes = 1000;
  try {
    const DeviceArray<float> too_large(device, 1000);
  } catch (const std::bad_alloc& error) {
    return OutOfMemory(words, error).message();
  }
  return "";
}

TEST(OutOfMemory, OfADeviceSaysHowMuchItWasAskedForAndWhatToDo) {
  EXPECT_EQ(OutOfMemoryOf({"train"}),
            "out of memory: this device has no 4000 bytes; try a smaller --batch_size or --image_resize");
}

TEST(OutOfMemory, HasAdviceOnlyForCommandsThatCanTakeIt) {
  EXPECT_EQ(OutOfMemoryOf({"inspect"}), "out of memory: this device has no 4000 bytes");
  EXPECT_EQ(OutOfMemoryOf({}), "out of memory: this device has no 4000 bytes");
}

TEST(OutOfMemory, OfTheMachineSaysSo) {
  const std::vector<std::string> words = {"train"};
  EXPECT_EQ(OutOfMemory(words, std::bad_alloc()).message(),
            "out of memory; try a smaller --batch_size or --image_resize");
}

}  // namespace
}  // namespace riffle
