// What tests see of a device's memory.
#pragma once

#include <vector>

#include "backend/device_array.h"
#include "backend/execution.h"

namespace riffle {

template <class T>
std::vector<T> HostCopy(const DeviceArray<T>& array) {
  std::vector<T> values(array.size());
  array.Download(values);
  return values;
}

/// Of what an op, or several, wrote.
template <class T>
std::vector<T> HostCopy(const Execution& execution, const T* memory, size_t count) {
  std::vector<T> values(count);
  execution.device.Download(values.data(), memory, count * sizeof(T));
  execution.Synchronize();
  return values;
}

}  // namespace riffle
