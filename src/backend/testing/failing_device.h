// A device that fails when a test lets it.
#pragma once

#include <fmt/format.h>

#include <cstdint>

#include "backend/testing/guarded_device.h"

namespace riffle {

/// Computes rightly all the same: what says that nothing may come of it is Health alone.
class FailingDevice : public GuardedDevice {
 public:
  void* Allocate(size_t bytes) override {
    if (bytes > most_bytes) throw DeviceOutOfMemory(fmt::format("this device has no {} bytes", bytes));
    return GuardedDevice::Allocate(bytes);
  }
  Status Health() const override { return health; }

  Status health;
  size_t most_bytes = SIZE_MAX;  ///< of one block of memory
};

}  // namespace riffle
