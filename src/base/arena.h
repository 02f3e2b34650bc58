// One aligned, zeroed block of memory. Parameters, gradients, activations and workspaces each live in one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace riffle {

inline constexpr size_t kCacheLineBytes = 64;
inline constexpr int64_t kCacheLineFloats = kCacheLineBytes / sizeof(float);

/// Zeroed memory, aligned to a cache line, and to huge pages where it is large enough for them: a kernel reads hundreds
/// of rows that lie far apart, and with 4 KB pages each of them would need a TLB entry of its own. Pages are taken when
/// they are first written. Never null; throws std::bad_alloc.
void* AllocateZeroed(size_t bytes);
void FreeZeroed(void* memory, size_t bytes);

/// `count` values of T, zeroed. Movable, not copyable; what was moved from is empty.
template <class T>
class AlignedArray {
 public:
  static_assert(std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T>);

  AlignedArray() = default;
  explicit AlignedArray(size_t count)
      : data_(static_cast<T*>(AllocateZeroed(count * sizeof(T))), Free{count * sizeof(T)}), size_(count) {}
  AlignedArray(AlignedArray&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  AlignedArray& operator=(AlignedArray&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

 private:
  struct Free {
    size_t bytes = 0;
    void operator()(T* p) const { FreeZeroed(p, bytes); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
};

/// REQUIRES: `to` is as long as `from`.
template <class T>
void CopyValues(const AlignedArray<T>& from, AlignedArray<T>* to) {
  std::copy(from.begin(), from.end(), to->begin());
}

}  // namespace riffle
