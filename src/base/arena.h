// One aligned, zeroed block of memory. Parameters, gradients, activations and workspaces each live in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace riffle {

inline constexpr size_t kCacheLineBytes = 64;
inline constexpr int64_t kCacheLineFloats = kCacheLineBytes / sizeof(float);

/// `count` values of T, zeroed, aligned to a cache line. Movable, not copyable. Pages are touched when first used.
template <class T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t count);

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
    void operator()(T* p) const { ::operator delete[](p, std::align_val_t{kCacheLineBytes}); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
};

template <class T>
AlignedArray<T>::AlignedArray(size_t count) : size_(count) {
  static_assert(std::is_trivially_destructible_v<T>);
  void* p = ::operator new[](count * sizeof(T) + kCacheLineBytes, std::align_val_t{kCacheLineBytes});
  data_.reset(static_cast<T*>(p));
  for (size_t i = 0; i < count; ++i) new (data_.get() + i) T();
}

}  // namespace riffle
