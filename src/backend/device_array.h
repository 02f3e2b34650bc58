// Arrays in memory of a device. They have no element access: each place where the host sees or changes a value is an
// Upload or a Download, and the compiler knows all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "backend/device.h"
#include "base/rows.h"

namespace riffle {

/// Gives memory back to the device that it is of.
template <void (Device::*kFree)(void*, size_t)>
struct FreeOnDevice {
  Device* device = nullptr;
  size_t bytes = 0;
  void operator()(void* memory) const { (device->*kFree)(memory, bytes); }
};

/// Values that ops work on. Movable, not copyable; what was moved from is empty.
template <class T>
class DeviceArray {
 public:
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

  DeviceArray() = default;  ///< empty
  /// All zero. The device must outlive the array.
  DeviceArray(Device& device, size_t values) : size_(values) {
    if (values > 0) memory_ = {static_cast<T*>(device.Allocate(bytes())), {&device, bytes()}};
  }
  /// A copy of these.
  DeviceArray(Device& device, std::span<const T> values) : DeviceArray(device, values.size()) { Upload(values); }
  DeviceArray(DeviceArray&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  size_t size() const { return size_; }  ///< values
  size_t bytes() const { return size_ * sizeof(T); }

  /// What ops and the device take; the host must not read or write there. Null if the array is empty.
  T* data() { return memory_.get(); }
  const T* data() const { return memory_.get(); }

  /// Makes room for so many values at least. If there was less, what the array held is lost, and all is zero;
  /// recordings (recordings.h) learn of it.
  void Reserve(Device& device, size_t values) {
    if (size_ >= values) return;
    if (size_ > 0) device.NoteMove();
    *this = {};  // first, so that there is never both
    *this = DeviceArray(device, values);
  }

  /// The host's values in, and out; they are done with when it returns. REQUIRES: as many as the array has.
  void Upload(std::span<const T> values) {
    if (size_ == 0) return;
    device().Upload(data(), values.data(), bytes());
    device().Synchronize();
  }
  void Download(std::span<T> values) const {
    if (size_ == 0) return;
    device().Download(values.data(), data(), bytes());
    device().Synchronize();
  }

  /// Enqueued as an op is. REQUIRES: an array of the same device and size.
  void CopyFrom(const DeviceArray& other) {
    if (size_ > 0) device().Copy(data(), other.data(), bytes());
  }
  /// Enqueued as an op is.
  void Zero() {
    if (size_ > 0) device().Zero(data(), bytes());
  }

 private:
  using Free = FreeOnDevice<&Device::Free>;
  Device& device() const { return *memory_.get_deleter().device; }

  std::unique_ptr<T[], Free> memory_;
  size_t size_ = 0;
};

/// Values of the host, in the memory that transfers are fastest with; zero at first. Movable, not copyable.
template <class T>
class StagingArray {
 public:
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

  StagingArray() = default;  ///< empty
  /// The device must outlive the array. Throws std::bad_alloc.
  StagingArray(Device& device, size_t values)
      : memory_(static_cast<T*>(device.AllocateStaging(values * sizeof(T))), {&device, values * sizeof(T)}) {}

  bool empty() const { return memory_ == nullptr; }
  T* data() { return memory_.get(); }
  const T* data() const { return memory_.get(); }

 private:
  std::unique_ptr<T[], FreeOnDevice<&Device::FreeStaging>> memory_;
};

/// Values of the host where ops read them: in place if the device reads the host's memory, else in a copy.
template <class T>
class DeviceInput {
 public:
  /// Valid until the next call, and as long as `values`, which must stay as they are until Synchronize().
  const T* At(Device& device, std::span<const T> values) {
    if (device.ReadsHostMemory()) return values.data();
    copy_.Reserve(device, values.size());
    device.Upload(copy_.data(), values.data(), values.size_bytes());
    return copy_.data();
  }

  /// The same for rows of so many values.
  Rows<const T> At(Device& device, Rows<const T> rows, int64_t count, int64_t row_values) {
    if (device.ReadsHostMemory() || count == 0) return rows;
    copy_.Reserve(device, static_cast<size_t>(count * rows.stride));
    // Not beyond the last row's values: nothing need be there.
    const auto values = static_cast<size_t>((count - 1) * rows.stride + row_values);
    device.Upload(copy_.data(), rows.data, values * sizeof(T));
    return {copy_.data(), rows.stride};
  }

 private:
  DeviceArray<T> copy_;
};

}  // namespace riffle
